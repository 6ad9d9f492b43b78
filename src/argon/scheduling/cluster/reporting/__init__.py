"""What a cluster reports: it reads the state, and nothing that decides imports it."""
