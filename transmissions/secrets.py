"""Keep secrets out of everything that is shown: what is remembered here is replaced in every text that goes out.

Values that a pipeline reads from the environment are remembered before anything uses them.
"""

from __future__ import annotations

import json
import re
import threading
from typing import Any
from urllib.parse import quote

__all__ = ["HIDDEN", "SHORTEST", "forget_all", "is_secret_name", "redact", "redact_all", "remember"]

HIDDEN = "[secret]"
"""What stands where a secret stood."""

SHORTEST = 4
"""Shorter values are not hidden: they are no secrets, and would be found in half of all words."""

_NAMES = frozenset({
    "apikey", "authorization", "credential", "credentials", "passphrase", "passwd", "password", "pwd", "secret",
    "token",
})  # fmt: skip
_KEYS = frozenset({"access", "api", "private", "secret", "signing"})

_lock = threading.Lock()
_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def remember(value: str) -> None:
    """Hide a value from now on, as it is and as it looks quoted in JSON, Python, or an address.

    Args:
        value: the secret; one shorter than `SHORTEST` characters is not hidden.
    """
    global _pattern  # noqa: PLW0603 - one set of secrets a process is the point: a log record knows no run
    if len(value.strip()) < SHORTEST:
        return
    forms = {value, value.strip(), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    forms |= {repr(value)[1:-1], quote(value, safe=""), quote(value)}
    with _lock:
        _known.update(forms)
        # The longest first, so that no secret leaves the tail of a longer one.
        _pattern = re.compile("|".join(map(re.escape, sorted(_known, key=len, reverse=True))))


def redact(text: str) -> str:
    """Return a text with every secret in it replaced by `[secret]`."""
    pattern = _pattern
    return pattern.sub(HIDDEN, text) if pattern else text


def is_secret_name(name: str) -> bool:
    """Say whether what has this name is a secret, going by its last words.

    >>> [is_secret_name(name) for name in ("apiKey", "GITHUB_TOKEN", "db-password", "maxTokens", "tokenLimit", "key")]
    [True, True, True, False, False, False]
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return bool(words) and (words[-1] in _NAMES or (words[-1] == "key" and bool(_KEYS.intersection(words[-2:-1]))))


def forget_all() -> None:
    """Forget every secret; for tests."""
    global _pattern  # noqa: PLW0603 - as above
    with _lock:
        _known.clear()
        _pattern = None


def redact_all(value: Any) -> Any:
    """Return a value of JSON with every secret in its texts, keys included, hidden."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact_all(key): redact_all(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(one) for one in value]
    return value
