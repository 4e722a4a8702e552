"""Processors that remember what they saw, from run to run, and skip what has not changed since."""

from __future__ import annotations

from typing import Any

import orjson

from processors.values import as_text
from transmissions import Message, Processor, TransmissionsError, get_field, reason_of, require_field, setting
from transmissions.output import content_hash

__all__ = ["FileChangeDetector", "MessageChangeDetector"]


class _ChangeDetector(Processor):
    """Remembers a state for each key, in a file of the target that is written when the run has ended well."""

    stateful = True
    writes = ("skipped",)

    force_rebuild: bool = setting(False, "let everything on, as if nothing was known")
    skip: bool = setting(
        True, "whether what has not changed ends here, rather than going on marked `skipped`", fixed=True
    )
    _cache = ""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._known: dict[str, str] | None = None
        self._now: dict[str, str] = {}
        self._counts = {"changed": 0, "unchanged": 0}

    def report(self) -> dict[str, Any]:
        """Return how many were changed and unchanged."""
        return dict(self._counts)

    def finish(self) -> None:
        """Save what was seen; after a run that failed the old state stands, so that nothing is missed."""
        if self._known is not None:
            output, path = self.context.destination(self._cache)
            output.write(path, orjson.dumps({**self._known, **self._now}, option=orjson.OPT_INDENT_2))

    def _passed(self, message: Message, key: str, state: str) -> Message | None:
        if self._known is None:
            self._known = self._read()
        is_same = self._known.get(key) == state and not self.force_rebuild
        self._now[key] = state
        self._counts["unchanged" if is_same else "changed"] += 1
        if is_same and self.skip:
            return None
        if is_same:
            message["skipped"] = True
        return message

    def _read(self) -> dict[str, str]:
        output, path = self.context.destination(self._cache)
        data = output.read(path)
        if data is None:
            return {}
        try:
            known = orjson.loads(data)
        except orjson.JSONDecodeError:
            known = None
        if not isinstance(known, dict):
            self.warn(f"{self._cache} is no record of changes; everything counts as changed")
            return {}
        return {str(key): str(value) for key, value in known.items()}


class FileChangeDetector(_ChangeDetector):
    r"""Skip files that have not changed since the last run that ended well: neither in size nor in time of change.

    What was seen is written into a file of the target when the run has ended well; remove it, or say `:forceRebuild
    true`, to have everything made again.

    Example:
        :main a :EntryTransmission ; :pipe (:walk :stage :read) .
        :walk  a :DirWalker ; :settings [ :sourceDir "letters" ] .
        :stage a :FileChangeDetector ; :settings [ :cacheFile "seen.json" ] .
        :read  a :FileReader .
        file letters/may.md "Dear all"
        out {"filename": "may.md", "relPath": "may.md", "fullPath": "…/letters/may.md", "filepath": "may.md", "slug":
            "may",
            "count": 0, "content": "Dear all"}
        out {"count": 1, "done": true}
        written seen.json "{\n  \"…/letters/may.md\": \"…\"\n}"

    Guarantee: idempotent; a run that fails forgets nothing and remembers nothing.
    """

    cache_file: str = setting("file-cache.json", "file of the target that remembers")
    path_field: str = setting("fullPath", "field with the file's path, as a dotted path", reads=True)

    def process(self, message: Message) -> Message | None:
        """Return the message if its file has changed."""
        self._cache = self.cache_file
        named = require_field(message, self.path_field)
        if not isinstance(named, str) or not named:
            raise ValueError(f"the field {self.path_field}, which :pathField names, holds no path: {as_text(named)}")
        path = self.context.find(named)
        try:
            status = path.stat()
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be looked at: {reason_of(error)}") from None
        return self._passed(message, named, f"{status.st_mtime_ns} {status.st_size}")


class MessageChangeDetector(_ChangeDetector):
    """Skip messages that hold the same as in the last run that ended well; `:keyField` says which message is which.

    What was seen is written, as hashes, into a file of the target when the run has ended well.

    Example:
        :stage a :MessageChangeDetector ; :settings [ :keyField "number" ; :valueField "price" ; :cacheFile "seen.json"
            ] .
        file seen.json {"A1": "lTECstvVsHsgnV4DDuYzcg"}
        in {"number": "A1", "price": "5 CHF"}
        in {"number": "A2", "price": "7 CHF"}
        out {"number": "A2", "price": "7 CHF"}

    Guarantee: idempotent; a run that fails forgets nothing and remembers nothing.
    """

    cache_file: str = setting("message-cache.json", "file of the target that remembers")
    key_field: str = setting("id", "field that tells messages apart, as a dotted path", reads=True)
    value_field: str = setting("content", "field that may have changed, as a dotted path")

    def process(self, message: Message) -> Message | None:
        """Return the message if its value has changed."""
        self._cache = self.cache_file
        key = as_text(require_field(message, self.key_field))
        return self._passed(message, key, content_hash(as_text(get_field(message, self.value_field, "")).encode()))
