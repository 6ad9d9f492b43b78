"""The decisions of a cluster."""
