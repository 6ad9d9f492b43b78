"""The transcripts on the page docs/design/walk.md, between marks that name their scenes.

`python -m tests.transcript.page` writes them anew; a test says when that is due.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.transcript.scenes import SCENES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "design" / "walk.md"


def renewed(text: str) -> str:
    """The page with what the state machines say today. Raises ``KeyError`` for a scene that it has no place for."""
    for scene in SCENES:
        begin, end = f"<!-- transcript: {scene.__name__} -->\n", "<!-- end -->\n"
        place = re.compile(re.escape(begin) + "(?s:.*?)" + re.escape(end))
        if not place.search(text):
            raise KeyError(f"{PAGE.name} has no place for the transcript {scene.__name__}")
        lines = "\n".join(f"    {line}" for line in scene().lines)
        text = place.sub(lambda _, new=f"{begin}\n{lines}\n\n{end}": new, text)
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
