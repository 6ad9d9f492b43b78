"""A module of tasks that fails while it is imported."""

raise RuntimeError("the settings are missing")
