"""`argon bench`."""
