"""Bytes to messages and back. Imports nothing that does I/O."""
