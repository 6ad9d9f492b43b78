"""The token: where it is found, what is refused, and that every refusal says what to do."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from zlib import crc32

import pytest

from argon.errors import TokenInvalid
from argon.net import security
from argon.net.security import find_token, make_token, parse_token, token_path
from tests.support.processes import open_descriptors


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the token file is expected; nothing else is set."""
    monkeypatch.delenv("ARGON_TOKEN", raising=False)
    monkeypatch.delenv("ARGON_TOKEN_FILE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "argon" / "token"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    path.chmod(mode)
    return path


def refused(**options: bool) -> str:
    with pytest.raises(TokenInvalid) as caught:
        find_token(**options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- where it is -------------------------------------------------------------------------------------------------


def test_cluster_without_a_file_makes_one_for_the_owner_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        secret = find_token(create=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["token"]
    assert find_token() == secret
    assert find_token(create=True) == secret


def test_finding_a_token_leaves_no_descriptor_open(path: Path) -> None:
    find_token(create=True)
    before = open_descriptors()
    find_token()
    assert open_descriptors() == before
    path.chmod(0o644)
    refused()
    assert open_descriptors() == before


def test_client_or_node_without_a_file_makes_none(path: Path) -> None:
    assert "start a cluster first" in refused()
    assert not path.parent.exists()


def test_path_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("ARGON_TOKEN_FILE", "")
    assert token_path() == Path("/home/somebody/.local/state/argon/token")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert token_path() == Path("/state/argon/token")
    monkeypatch.setenv("ARGON_TOKEN_FILE", "/named/token")
    assert token_path() == Path("/named/token")


def test_given_token_wins_over_environment_and_environment_over_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file, in_environment, given = make_token(), make_token(), make_token()
    written(path, in_file)
    assert find_token() == parse_token(in_file, "")
    monkeypatch.setenv("ARGON_TOKEN", in_environment)
    assert find_token() == parse_token(in_environment, "")
    assert find_token(given) == parse_token(given, "")


def test_no_home_at_all_is_refused_with_what_to_set(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert "ARGON_TOKEN_FILE" in refused(create=True)


@pytest.mark.parametrize("step", ["mkdir", "open", "link"])
def test_file_that_cannot_be_made_is_refused_in_one_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    if step == "mkdir":
        monkeypatch.setattr(Path, "mkdir", fail)
    elif step == "link":
        monkeypatch.setattr(security.os, "link", fail)
    else:
        path.parent.mkdir()
        real = os.open
        monkeypatch.setattr(
            security.os, "open", lambda file, flags, *mode: fail() if flags & os.O_CREAT else real(file, flags, *mode)
        )
    text = refused(create=True)
    assert str(path) in text
    assert "Read-only file system" in text


def test_two_clusters_that_start_together_agree(path: Path) -> None:
    start = threading.Barrier(8)
    found: list[bytes] = []

    def begin() -> None:
        start.wait()
        found.append(find_token(create=True))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert os.listdir(path.parent) == ["token"]


def test_token_of_another_cluster_that_was_faster_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link, token = os.link, make_token()

    def link_too_late(aside: Path, place: Path) -> None:
        written(path, token)
        link(aside, place)

    monkeypatch.setattr(security.os, "link", link_too_late)
    assert find_token(create=True) == parse_token(token, "")
    assert os.listdir(path.parent) == ["token"]


def test_file_is_made_exclusively_and_follows_no_link(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags_seen = []
    real = os.open

    def watched(file: str, flags: int, *mode: int) -> int:
        flags_seen.append(flags)
        return real(file, flags, *mode)

    monkeypatch.setattr(security.os, "open", watched)
    find_token(create=True)
    creating = [flags for flags in flags_seen if flags & os.O_CREAT]
    assert creating
    assert all(flags & os.O_EXCL and flags & os.O_NOFOLLOW for flags in creating)
    assert all(flags & os.O_NOFOLLOW for flags in flags_seen)


@pytest.mark.parametrize("chars", [15, 16, 17])
def test_secret_of_sixteen_characters_is_the_shortest_token(chars: int) -> None:
    secret = "s" * chars
    token = f"argon1_{secret}_{crc32(secret.encode()):08x}"
    if chars < 16:
        with pytest.raises(TokenInvalid, match="does not hold an Argon token"):
            parse_token(token, "it")
    else:
        assert parse_token(token, "it") == secret.encode()


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o601])
def test_file_open_to_others_is_refused_with_the_command_that_mends_it(path: Path, mode: int) -> None:
    written(path, make_token(), mode)
    assert f"chmod 600 {path}" in refused(create=True)


def test_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, make_token())
    monkeypatch.setattr(security.os, "geteuid", lambda: os.getuid() + 1)
    assert f"belongs to user {os.getuid()}" in refused()


def test_symbolic_link_is_refused(path: Path, tmp_path: Path) -> None:
    real = written(tmp_path / "real", make_token())
    path.parent.mkdir()
    path.symlink_to(real)
    assert "symbolic link" in refused(create=True)


def test_dangling_symbolic_link_is_not_written_through(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in refused(create=True)
    assert not (tmp_path / "elsewhere").exists()


def test_directory_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "is not a file" in refused(create=True)


def test_named_pipe_is_refused_without_waiting(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path, 0o600)
    assert "is not a file" in refused()


def test_parent_that_is_a_file_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "argon").write_text("")
    assert "Not a directory" in refused(create=True)


DAMAGED = make_token()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \r\n", "is empty"),
        ("hunter2", "does not hold an Argon token"),
        ("argon1_short_00000000", "does not hold an Argon token"),
        ("argon2" + DAMAGED[6:], "does not hold an Argon token"),
        (DAMAGED[:-1], "damaged"),
        (DAMAGED[:-9], "copy the whole token again"),
        (DAMAGED[:20] + ("a" if DAMAGED[20] != "a" else "b") + DAMAGED[21:], "damaged"),
        (DAMAGED[:20] + "\r\n" + DAMAGED[20:], "damaged"),
        (DAMAGED[:20] + "é" + DAMAGED[20:], "damaged"),
        (DAMAGED + "\n" + DAMAGED, "damaged"),
        ("argon1_" + "x" * 10_000, "copy the whole token again"),
    ],
    ids=[
        *("empty", "blank", "no-token", "short-secret", "other-version", "last-character-gone", "checksum-gone"),
        *("one-character-changed", "broken-line", "not-ascii", "two-lines", "huge"),
    ],
)
def test_damaged_token_is_told_apart_and_never_shown(
    path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    written(path, text)
    told = refused(create=True)
    assert says in told
    assert str(path) in told
    assert DAMAGED[7:20] not in told
    monkeypatch.setenv("ARGON_TOKEN", text)
    told = refused(create=True)
    assert says in told
    assert "ARGON_TOKEN" in told


def test_windows_line_end_and_spaces_around_are_no_damage(path: Path) -> None:
    token = make_token()
    written(path, f"  {token}\r\n")
    assert find_token() == parse_token(token, "")


def test_empty_variable_is_an_error_and_not_no_token(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_token(create=True)
    monkeypatch.setenv("ARGON_TOKEN", "")
    assert "ARGON_TOKEN is empty" in refused()


def test_variable_that_is_not_text_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "ARGON_TOKEN", make_token()[:-9] + "\udcff_00000000")
    assert "damaged" in refused()


def test_tokens_differ_and_hold_32_random_bytes() -> None:
    tokens = {make_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(parse_token(token, "")) == 43 for token in tokens)
