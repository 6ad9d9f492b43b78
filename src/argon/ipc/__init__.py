"""The channels between a node and one of its workers."""
