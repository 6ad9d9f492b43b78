"""Decisions in plain synchronous code: message in, effects out. Knows no clock, socket, thread or log."""
