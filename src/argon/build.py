"""Which build of Argon this is: compiled, or pure Python, and then why and what to do about it.

In: the file ``build.json``, which a wheel carries (see ``hatch_build.py``) and a source tree does not. Out: words for
people. It must never raise: Argon runs on either build.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from argon import __version__, record

_FILE = Path(__file__).with_name("build.json")


class Build(msgspec.Struct, frozen=True):
    """A build: ``str`` gives all of it in a line.

    Attributes:
        reason: why it is not compiled; empty if it is.
        remedy: what makes it compiled.
        from_sources: whether Argon is imported from its sources, where nobody expects it to be compiled.
    """

    reason: str = ""
    remedy: str = ""
    from_sources: bool = False

    @property
    def kind(self) -> str:
        return "pure Python" if self.reason else "core compiled"

    def __str__(self) -> str:
        why = f", about half as fast: {self.reason}; {self.remedy}" if self.reason else ""
        return f"argon {__version__} ({self.kind}{why})"


def this_build() -> Build:
    """The build that is running."""
    if not record.__file__.endswith((".py", ".pyc")):
        return Build()
    try:
        said = msgspec.json.decode(_FILE.read_bytes(), type=Build)
        if not said.reason:
            raise ValueError("it gives no reason")
        return said
    except FileNotFoundError:
        what = "it is imported from its sources, as an editable install is, and these are never compiled"
        return Build(what, "for the compiled build, install it without -e: pip install .", from_sources=True)
    except (OSError, ValueError) as error:  # also what is no JSON, or no text
        return Build(f"{_FILE} cannot be read ({error})", "install Argon again")
