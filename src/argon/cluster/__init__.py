"""The cluster process."""
