"""`argon demo`."""
