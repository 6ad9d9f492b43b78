"""`argon simulate`."""
