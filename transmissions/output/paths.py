"""Which paths may be written at all; says so of the text of a path, without a look at any file."""

from __future__ import annotations

import re

from transmissions.errors import OutputRefused

__all__ = ["STATE", "TEMPORARY", "check_name", "check_path"]

STATE = ".transmissions"
"""The folder in a target that holds what runs remember of it."""

TEMPORARY = ".~trn-"
"""What the names of unfinished files begin with."""

_MAX_PATH_BYTES = 4000
_MAX_NAME_BYTES = 255
# Names that mean another place on some platform: devices, streams, drives, names that Windows cuts short.
_SAFE = re.compile(
    r"(?!(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|$))"
    r"[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]",
    re.IGNORECASE,
).fullmatch


def check_path(path: object) -> None:
    """Refuse what is no relative path.

    Raises:
        OutputRefused: it is empty, absolute, too long or no text.
    """
    if not isinstance(path, str):
        raise OutputRefused(f"{path!r}: refused: a path is text, relative to the target, such as notes/today.md")
    if not path or path.endswith("/"):
        raise OutputRefused(f"{path!r}: refused: it names no file; write a path such as notes/today.md")
    if path.startswith("/") or path[1:2] == ":":
        raise OutputRefused(f"{path!r}: refused: files are written inside the target only; write a relative path")
    if len(path) * 4 > _MAX_PATH_BYTES and len(path.encode(errors="replace")) > _MAX_PATH_BYTES:
        raise OutputRefused(f"{path[:60]!r}…: refused: the path is longer than {_MAX_PATH_BYTES} bytes; shorten it")


def check_name(name: str, path: str) -> None:
    """Refuse a name, of a folder or a file, that would mean another place on some platform.

    Raises:
        OutputRefused: the name is unsafe.
    """
    if _SAFE(name) and not name.startswith(TEMPORARY) and (name.isascii() or _is_unicode(name)):
        if len(name) * 4 <= _MAX_NAME_BYTES or len(name.encode()) <= _MAX_NAME_BYTES:
            return
        raise OutputRefused(
            f"{path[:60]!r}…: refused: a name in it is longer than {_MAX_NAME_BYTES} bytes; `safe_name` shortens it"
        )
    if name == "..":
        raise OutputRefused(f"{path!r}: refused: `..` leads out of the target; write a path below it")
    if name.startswith(TEMPORARY):
        raise OutputRefused(f"{path!r}: refused: names that begin with {TEMPORARY} are for unfinished files")
    raise OutputRefused(f"{path!r}: refused: the name {name!r} is unsafe on some platform; `safe_name` makes it safe")


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
