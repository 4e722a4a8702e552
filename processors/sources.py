"""SourceReader: gets texts that stand in files and at addresses, whichever is named."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from processors.http import WebProcessor
from processors.values import as_list
from transmissions import Message, TransmissionsError, copy_message, get_field, reason_of, set_field, setting

__all__ = ["SourceReader"]

_DECLARED = re.compile(rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")


class SourceReader(WebProcessor):
    r"""Read texts from files and from addresses of the web: a message for each, then the mark that ends the group.

    `url` says where a text is from, and `place` the same without what no one else should see, such as a password in an
    address and what stands behind its question mark. What cannot be read is reported, the others are read, and the
    run's result says so; with `:onFailure "fail"` it is an error. A text is in UTF-8, or in what it says at its
    beginning, as XML does. A run may connect to no host that its `--allow-host` does not name.

    Example:
        :stage a :SourceReader ; :settings [ :source "notes.txt", "http://localhost:8080/notes.txt" ] .
        file notes.txt "Good morning."
        out {"url": "notes.txt", "place": "notes.txt", "content": "Good morning."}
        out {"url": "http://localhost:8080/notes.txt", "place": "http://localhost:8080/notes.txt",
            "content": "Good morning."}
        out {"done": true}

    Guarantee: at least once; asking changes nothing.
    """

    splits = True
    writes = ("url", "place")

    source: list[str] = setting((), 'files and addresses, "-" for standard input', fixed=True)
    url_field: str = setting("url", "field with one or several, if no `:source` is set", fixed=True)
    files: bool = setting(True, "whether files may be named, rather than addresses only", fixed=True)
    target_field: str = setting("content", "field that receives the text, as a dotted path", writes=True, fixed=True)
    on_failure: Literal["fail", "report"] = setting(
        "report", "whether what cannot be read fails the message, or is reported and left out", fixed=True
    )

    def start(self) -> None:
        """Do nothing: the door to the web is opened when the first address comes, so that none needs it installed."""

    def process(self, message: Message) -> Iterator[Message]:
        """Yield a message for each text, then the mark."""
        for one in self.source or self._named(message):
            if self.context.stopping():
                return
            try:
                text = self._fetched(one) if one.startswith(("http://", "https://")) else self._read(one)
            except TransmissionsError as error:
                if self.on_failure == "fail":
                    raise
                self.lose(str(error), source=_shown(one))
                continue
            part = copy_message(message)
            part["url"], part["place"] = one, _shown(one)
            set_field(part, self.target_field, text)
            yield part
        yield self.mark(message)

    def _named(self, message: Message) -> list[str]:
        value: Any = get_field(message, self.url_field, None)
        named = as_list(value) or [value]
        if not all(isinstance(one, str) and one for one in named):
            raise TransmissionsError(f"no file and no address is named: set :source, or the field {self.url_field}")
        return named

    def _fetched(self, address: str) -> str:
        fetched = self.fetcher.fetch(address)
        if fetched.status >= 400:
            raise TransmissionsError(f"{fetched.url.partition('?')[0]}: {fetched.status} {fetched.reason}".rstrip())
        self.bytes_done += len(fetched.content)
        # Who sends a feed often leaves it to the feed to say how it is encoded.
        return self._text(fetched.content, _shown(address)) if fetched.charset == "utf-8" else fetched.text

    def _read(self, named: str) -> str:
        if not self.files:
            raise TransmissionsError(f"{named[:200]}: refused: no address that begins with http:// or https://")
        path = self.context.find(named)
        try:
            data = sys.stdin.buffer.read() if named == "-" else Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        self.bytes_done += len(data)
        return self._text(data, named)

    def _text(self, data: bytes, place: str) -> str:
        """Return bytes as text: UTF-8, or how they themselves say that they are encoded."""
        for encoding in ("utf-8-sig", *_said_encodings(data)):
            try:
                return data.decode(encoding)
            except (LookupError, ValueError):
                continue
        self.warn(f"{place}: not UTF-8, and it does not say in what it is; what cannot be read stands as \ufffd")
        return data.decode("utf-8-sig", "replace")


def _said_encodings(data: bytes) -> list[str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    found = _DECLARED.match(data)
    return [found.group(1).decode("ascii")] if found else []


def _shown(source: str) -> str:
    """Return an address as it may be told; a file's path as it is."""
    if not source.startswith(("http://", "https://")):
        return source
    try:
        parts = urlsplit(source)
    except ValueError:
        return "an address that is none"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
