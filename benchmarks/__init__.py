"""Argon's own benchmarks: `python -m benchmarks` measures, compares with other systems, and prints one table.

Nothing here is installed with argon, and argon imports nothing from here.
"""
