"""The shared secret: where it is kept, and whether what is kept there can be trusted.

In: the environment and the user's token file. Out: the secret's bytes. It must never put the secret into a log, an
error text or a command line, and never use a file that others could have read or written.

The file is made by the first cluster, by node or client never: it is written aside and linked into place, so that it is
never seen half-written and two clusters that start together agree. Its text has a checksum, so that a damaged token
is told apart from a wrong one.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final
from zlib import crc32

from argon.errors import TokenInvalid

_PREFIX: Final = "argon1"
_SECRET_CHARS_MIN: Final = 16
_FILE_BYTES_MAX: Final = 4096


def token_path() -> Path:
    """Where this user's token is: ``$ARGON_TOKEN_FILE``, else ``argon/token`` in the user's state directory.

    Raises:
        TokenInvalid: the user has no home. Name a file with ``ARGON_TOKEN_FILE``.
    """
    named = os.environ.get("ARGON_TOKEN_FILE")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(state) if state else Path.home() / ".local" / "state") / "argon" / "token"
    except RuntimeError:
        raise TokenInvalid(
            "this user has no home directory for a token file; set ARGON_TOKEN_FILE to the path of one"
        ) from None


def find_token(given: str | None = None, *, create: bool = False) -> bytes:
    """Finds the shared secret.

    Args:
        given: the token's text, from the caller; otherwise ``$ARGON_TOKEN``, otherwise the token file.
        create: make the token file if there is none. Only a cluster does.

    Returns:
        The secret.

    Raises:
        TokenInvalid: there is no usable token. The message names the place and what to do.
    """
    if given is not None:
        return parse_token(given, "the token given")
    from_environment = os.environ.get("ARGON_TOKEN")
    if from_environment is not None:
        return parse_token(from_environment, "ARGON_TOKEN")
    path = token_path()
    try:
        return parse_token(_read(path), str(path))
    except FileNotFoundError:
        if not create:
            raise TokenInvalid(
                f"there is no token file {path}; start a cluster first, or set ARGON_TOKEN to the cluster's token",
                path=str(path),
            ) from None
    try:
        _create(path)
    except OSError as error:
        raise TokenInvalid(f"the token file {path} cannot be made: {error.strerror}", path=str(path)) from None
    return parse_token(_read(path), str(path))


def make_token() -> str:
    """A new token: 32 random bytes as text, with a checksum."""
    secret = secrets.token_urlsafe(32)
    return f"{_PREFIX}_{secret}_{crc32(secret.encode()):08x}"


def parse_token(text: str, place: str) -> bytes:
    """Checks a token's text and returns the secret; ``place`` names where it came from, for the error."""
    text = text.strip()
    if not text:
        raise TokenInvalid(f"{place} is empty: it holds no token", place=place)
    prefix, _, rest = text.partition("_")
    secret, _, checksum = rest.rpartition("_")
    if prefix != _PREFIX or len(secret) < _SECRET_CHARS_MIN:
        raise TokenInvalid(
            f"{place} does not hold an Argon token, which begins with {_PREFIX}_; copy the whole token again",
            place=place,
        )
    if not secret.isascii() or checksum != f"{crc32(secret.encode()):08x}":
        raise TokenInvalid(
            f"{place} holds a damaged token (its checksum is wrong); copy the whole token again", place=place
        )
    return secret.encode()


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise TokenInvalid(f"the token file {path} cannot be used: {why}", path=str(path)) from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise TokenInvalid(f"the token file {path} is not a file", path=str(path))
        if about.st_uid != os.geteuid():
            raise TokenInvalid(
                f"the token file {path} belongs to user {about.st_uid}, not to you; "
                "set ARGON_TOKEN_FILE to a file of your own",
                path=str(path),
            )
        if about.st_mode & 0o077:
            raise TokenInvalid(
                f"other users may read or write the token file {path}; run: chmod 600 {path}", path=str(path)
            )
        return os.read(descriptor, _FILE_BYTES_MAX).decode("ascii", "replace")
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make_token() + "\n")
        os.link(aside, path)
    except FileExistsError:
        return
    finally:
        os.unlink(aside)
