"""The token that whoever uses the server must show: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from transmissions.errors import TransmissionsError
from transmissions.secrets import remember

__all__ = ["LiveToken", "Token", "default_token_file", "is_same", "read_token"]

_SHORTEST = 32
_LONGEST = 4096


class Token(NamedTuple):
    """A token.

    Args:
        text: the token itself.
        made: whether it was made now.
    """

    text: str
    made: bool


class LiveToken:
    """The token in a file as it is now: one that is renewed shuts out at once whoever has the old one.

    While the file is away, or holds no token, the last one that it held is valid.

    Args:
        path: the file.
        text: the token that it holds.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._stamp: tuple[int, ...] | None = None

    def __call__(self) -> str:
        """Return the token."""
        with suppress(OSError, TransmissionsError):
            found = self._path.stat()
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                # Looked at before it is read: what is written in between is read the next time.
                self._text, self._stamp = _read(self._path), stamp
        return self._text


def default_token_file() -> Path:
    """Return where the token is: in a file of the user's configuration folder."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(folder) if folder else Path.home() / ".config") / "transmissions" / "server-token"


def read_token(path: Path, *, renew: bool = False) -> Token:
    """Return the token in a file, which is made, with one in it, if there is none; it is hidden from every log.

    Args:
        path: the file.
        renew: whether a new token takes the place of the one that there is.

    Raises:
        TransmissionsError: others can read the file, or it holds no token, but something else, which stays.
    """
    try:
        if renew and path.exists():
            _check_replaceable(path)
        if renew:
            path.unlink(missing_ok=True)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = _make(path)
        if token is None:
            return Token(_read(path), made=False)
    except OSError as error:
        raise TransmissionsError(f"{path}: the token cannot be kept there: {error.strerror}") from None
    return Token(token, made=True)


def is_same(given: str, token: str) -> bool:
    """Say whether a token is the right one, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _make(path: Path) -> str | None:
    token = secrets.token_urlsafe(32)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError:
        return None
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(f"{token}\n")
    remember(token)
    return token


def _check_replaceable(path: Path) -> None:
    """Let only a token go, or nothing: a mistyped name is not to cost a file."""
    text, _ = _content(path)
    if text:
        _check_token(path, text)


def _read(path: Path) -> str:
    token, mode = _content(path)
    if not token:
        raise TransmissionsError(f"{path}: this file is empty; --new-token makes a token in it")
    _check_token(path, token)
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise TransmissionsError(f"{path}: others can read this token; renew it with --new-token")
    remember(token)
    return token


def _content(path: Path) -> tuple[str, int]:
    # Looked at before it is opened: to open a pipe would wait for a writer.
    if not (path.is_file() or path.is_dir()):
        raise TransmissionsError(f"{path}: a token cannot be kept in what is no file; name one with --token-file")
    with path.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_LONGEST + 1).strip(), os.fstat(opened.fileno()).st_mode


def _check_token(path: Path, text: str) -> None:
    if not _SHORTEST <= len(text) <= _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        what = f"this is no token of {_SHORTEST} characters or more, and is left as it is"
        raise TransmissionsError(f"{path}: {what}; name another file with --token-file")
