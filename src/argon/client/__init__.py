"""What callers hold, and the thin shell that speaks for it."""
