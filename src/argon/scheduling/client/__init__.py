"""The decisions of a client."""
