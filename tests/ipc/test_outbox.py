"""The shared page from both ends, in one process: what the node finds at each moment."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator

import pytest

from argon.ipc import outbox
from argon.ipc.outbox import PAGE_BYTES, Outbox, create_page, protect


@pytest.fixture
def fd() -> Iterator[int]:
    fd = create_page()
    yield fd
    os.close(fd)


@pytest.fixture
def ends(fd: int) -> Iterator[tuple[Outbox, Outbox]]:
    worker, node = Outbox(fd), Outbox(fd)
    yield worker, node
    worker.close()
    node.close()


def test_new_page_has_nothing_to_salvage(ends: tuple[Outbox, Outbox]) -> None:
    assert ends[1].salvage() == b""


def test_frames_appended_are_salvaged_and_taken_alike(ends: tuple[Outbox, Outbox]) -> None:
    worker, node = ends
    assert worker.append(b"first")
    assert worker.append(b"second")
    assert worker.pending_bytes == 11
    assert worker.take() == node.salvage() == b"firstsecond"
    assert node.salvage() == b"firstsecond"  # as often as it is asked


def test_frames_being_sent_are_still_salvaged(ends: tuple[Outbox, Outbox]) -> None:
    worker, node = ends
    worker.append(b"frame")
    worker.take()
    assert node.salvage() == b"frame"


def test_cleared_page_is_empty_and_starts_anew(ends: tuple[Outbox, Outbox]) -> None:
    worker, node = ends
    worker.append(b"old frames")
    worker.clear()
    assert (worker.pending_bytes, node.salvage()) == (0, b"")
    worker.append(b"new")
    assert node.salvage() == b"new"


def test_frame_that_does_not_fit_is_refused_and_harms_nothing(ends: tuple[Outbox, Outbox]) -> None:
    worker, node = ends
    assert not worker.append(bytes(PAGE_BYTES))
    assert worker.append(bytes(PAGE_BYTES - 100))
    assert not worker.append(bytes(100))
    assert len(node.salvage()) == PAGE_BYTES - 100


@pytest.mark.replaces_parts
def test_page_that_changes_while_it_is_read_gives_nothing(
    ends: tuple[Outbox, Outbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, node = ends
    worker.append(b"old")
    read_number = outbox._read_number

    def read_and_be_overtaken(page: mmap.mmap, at: int) -> tuple[int]:
        """The worker sends and goes on, just between the node's look at the length and its copy."""
        (number,) = read_number(page, at)
        if at == outbox._LENGTH_AT:
            worker.clear()
            worker.append(b"new")
        return (number,)

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_read_number", read_and_be_overtaken)
        assert node.salvage() == b""
    assert node.salvage() == b"new"


def test_length_that_cannot_be_is_not_believed(fd: int, ends: tuple[Outbox, Outbox]) -> None:
    os.pwrite(fd, b"\xff" * 16, 0)
    assert ends[1].salvage() == b""


@pytest.mark.parametrize("size", [0, PAGE_BYTES // 2, PAGE_BYTES * 2])
def test_size_of_the_page_cannot_be_changed(fd: int, size: int) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(fd, size)


def test_protected_page_is_written_by_its_worker_only(fd: int, ends: tuple[Outbox, Outbox]) -> None:
    worker, node = ends
    protect(fd)
    with pytest.raises(PermissionError) as refused:
        os.write(fd, b"garbage")
    assert refused.value.errno == errno.EPERM
    with pytest.raises(PermissionError):
        mmap.mmap(fd, PAGE_BYTES)
    worker.append(b"frame")
    assert node.salvage() == b"frame"


def test_task_that_was_entered_last_is_known_to_the_node() -> None:
    fd = create_page()
    worker, node = Outbox(fd), Outbox(fd)
    os.close(fd)
    assert node.entered() == 0
    worker.enter(7)
    worker.append(b"frame")
    assert (node.entered(), node.salvage()) == (7, b"frame")
    worker.close()
    node.close()


def test_page_that_this_kernel_cannot_protect_is_left_as_it_is() -> None:
    fd = os.open(os.devnull, os.O_RDWR)
    try:
        protect(fd)
        assert os.write(fd, b"still writable") == 14
    finally:
        os.close(fd)
