"""Safe names for files: what any text becomes so that every system takes it and it leads nowhere else."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from transmissions.output.paths import STATE, TEMPORARY

__all__ = ["MAX_NAME_BYTES", "safe_name", "safe_path", "shortened", "slug"]

MAX_NAME_BYTES = 255

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{5,80}(?:\.[a-z]{1,4})?", re.ASCII).fullmatch
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?=\.|\s*\Z)", re.IGNORECASE)
_LEADING = re.compile(r"\A(?:\.{1,2}_+\s*)+")
_TRAILING = re.compile(r"[.\s]+\Z")
_REPEATED = re.compile("_{2,}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,12}\Z")
_JOINER, _TAIL_BYTES = "\u200d", 9


def safe_name(text: object, fallback: str = "untitled", max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return a file name made of `text`: one component of a path, allowed on Linux, macOS and Windows.

    Letters of every script stay. What is cut ends in a part of its hash, so that names that differ stay different.

    Args:
        text: any text; what is no text counts as empty.
        fallback: the name if nothing of the text can stay.
        max_bytes: the longest name, in bytes of UTF-8.

    >>> safe_name("../../etc/passwd")
    'etc_passwd'
    >>> safe_name("con.txt")
    '_con.txt'
    """
    if not isinstance(text, str):
        return fallback
    if _PLAIN(text):
        return text if not _RESERVED.match(text) else f"_{text}"
    name = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    name = _TRAILING.sub("", _FORBIDDEN.sub("_", name).strip())
    name = _REPEATED.sub("_", _LEADING.sub("", name))
    if not name.strip("._ "):
        return fallback
    if _RESERVED.match(name) or name.startswith(TEMPORARY) or name.lower() == STATE:
        name = f"_{name}"
    return shortened(name, max_bytes)


def safe_path(path: str, fallback: str = "untitled") -> str:
    """Return a relative path, parts joined by `/`, of which every part is a safe name; it leads out of no folder.

    >>> safe_path("/a/../b/aux")
    'a/b/_aux'
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part.strip(". ")]
    return "/".join(safe_name(part, fallback) for part in parts) or fallback


def shortened(name: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return `name` in at most `max_bytes` bytes of UTF-8; cut, it keeps its suffix and ends in a part of its hash."""
    encoded = name.encode()
    if len(encoded) <= max_bytes:
        return name
    found = _SUFFIX.search(name)
    suffix = found.group() if found and len(found.group()) < max_bytes - _TAIL_BYTES else ""
    tail = "-" + hashlib.sha256(encoded).hexdigest()[: _TAIL_BYTES - 1] + suffix
    return _TRAILING.sub("", _cut(name.removesuffix(suffix), max_bytes - len(tail))) + tail


def slug(text: str, max_bytes: int = 80) -> str:
    """Return `text` in lower case for use inside a file name: letters and digits of every script, joined by hyphens.

    >>> slug("What's new? 数据 & Поток")
    'what-s-new-数据-поток'
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    words = re.sub(r"[\W_]+", "-", _keep_marks(folded)) if folded.isascii() else _keep_marks(folded)
    words = words.strip("-")
    if len(words.encode("utf-8", "replace")) <= max_bytes:
        return words
    cut = _cut(words, max_bytes)
    # A word cut in half reads badly; only where the script has no spaces is there no better place.
    whole = cut.rpartition("-")[0]
    return (whole if len(whole.encode()) * 2 > max_bytes else cut).strip("-")


def _keep_marks(text: str) -> str:
    """Replace all but letters, digits, marks that belong to them, and symbols such as emoji."""
    if text.isascii():
        return text
    kept = [char if unicodedata.category(char)[0] in "LNM" or _is_symbol(char) else "-" for char in text]
    return re.sub("-+", "-", "".join(kept))


def _is_symbol(char: str) -> bool:
    return char == _JOINER or (ord(char) > 0x2100 and unicodedata.category(char) in ("So", "Sk"))


def _cut(text: str, max_bytes: int) -> str:
    """Return the longest beginning of at most `max_bytes` bytes that ends between two visible characters."""
    cut = text.encode("utf-8", "replace")[: max(0, max_bytes)].decode("utf-8", "ignore")
    while cut and len(cut) < len(text) and _continues(cut[-1], text[len(cut)]):
        cut = cut[:-1]
    return cut or text.encode("utf-8", "replace")[: max(0, max_bytes)].decode("utf-8", "ignore")


def _continues(before: str, after: str) -> bool:
    """Say whether two characters in a row are shown as one."""
    if _JOINER in (before, after) or unicodedata.combining(after) or unicodedata.category(after) == "Me":
        return True
    return after in "\ufe0e\ufe0f" or "\U0001f3fb" <= after <= "\U0001f3ff" or unicodedata.category(after) == "Mc"
