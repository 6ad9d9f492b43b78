"""Capacity planning: the scheduling code in virtual time, without processes or connections."""
