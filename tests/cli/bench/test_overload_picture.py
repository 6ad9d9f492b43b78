"""The picture of an overload needs matplotlib, and says so where there is none."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from argon.cli.bench import overload_picture
from argon.cli.bench.overload_picture import draw, drawing_library, latencies_ms
from argon.cli.failures import CommandFailed
from tests.cli.overload_figures import MEASURED


def test_without_matplotlib_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(overload_picture, "import_module", missing)
    with pytest.raises(CommandFailed, match="pip install matplotlib"):
        drawing_library()


def fake_library() -> tuple[Any, list[Any]]:
    library, panels = MagicMock(), [MagicMock(), MagicMock(), MagicMock()]
    library.pyplot.subplots.return_value = (MagicMock(), panels)
    return library, panels


def test_goodput_latency_and_endings_are_drawn_of_each_factor(tmp_path: Path) -> None:
    library, (goodput, latency, endings) = fake_library()
    draw(library, MEASURED, tmp_path / "over.png")
    assert [call.args[1] for call in goodput.bar.call_args_list] == [[0.973, 0.973], [0.951, 0.951]]
    assert [call.kwargs["label"] for call in latency.plot.call_args_list] == [
        *("calm p99", "spike p50", "spike p99", "a reject, p99")
    ]
    shares = [call.args[1][0] for call in endings.bar.call_args_list]
    assert shares == [count / 8000 for count in (4001, 45, 123, 3876, 13)]
    picture = library.pyplot.subplots.return_value[0]
    assert picture.savefig.call_args.args[0] == tmp_path / "over.png"
    library.pyplot.close.assert_called_once_with(picture)


def test_picture_is_closed_when_it_cannot_be_written(tmp_path: Path) -> None:
    library, _ = fake_library()
    picture = library.pyplot.subplots.return_value[0]
    picture.savefig.side_effect = OSError("no room")
    with pytest.raises(OSError, match="no room"):
        draw(library, MEASURED, tmp_path / "over.png")
    library.pyplot.close.assert_called_once_with(picture)


def test_figure_that_was_not_measured_has_no_point() -> None:
    assert latencies_ms(MEASURED.factors, 3) == [2.5, None]


def test_real_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "over.png"
    draw(drawing_library(), MEASURED, file)
    assert file.read_bytes().startswith(b"\x89PNG")
