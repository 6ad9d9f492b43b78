"""How a process of Argon starts, serves and stops."""
