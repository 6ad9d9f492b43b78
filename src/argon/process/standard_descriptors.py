"""The standard descriptors, 0 to 2, of a process that was started with some of them closed, as a daemon may be.

In: nothing. Out: each of them is open. Otherwise the next thing that is opened takes its number: a channel on which
prints would then land, or the event loop's own, which uvloop ends the process rather than close.
"""

from __future__ import annotations

import os


def open_standard_descriptors() -> None:
    """Opens the null device for each that is closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            if opened == descriptor:
                os.set_inheritable(descriptor, True)
            else:  # another thread has opened something in between
                os.close(opened)
