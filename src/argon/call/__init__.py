"""A call as bytes, and back: only here is anything pickled."""
