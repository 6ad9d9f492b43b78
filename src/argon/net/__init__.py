"""Sockets and the token file. Decides nothing about tasks."""
