"""What is told of a cluster; no room that decides imports it."""
