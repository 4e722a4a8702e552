"""Processors that name resources: mint an address, make one uniform, and tell what is known already."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from processors.values import as_text, require_text
from transmissions import Message, Processor, get_field, set_field, setting

__all__ = ["EntryDeduplicator", "FeedUrlDeduplicator", "ResourceMinter", "URLNormalizer"]


class ResourceMinter(Processor):
    """Mint an address for a resource, in a field with `uri`, `created` and `agent`.

    An object that the field holds keeps its other members; anything else there is replaced.

    Example:
        :stage a :ResourceMinter ; :settings [
            :targetField "letter" ; :baseURI "http://example.org/letters/" ; :agentURI "http://example.org/office"
        ] .
        in {"letter": {"title": "Reply"}}
        out {"letter": {"title": "Reply", "uri": "http://example.org/letters/…", "created": "…Z",
            "agent": "http://example.org/office"}}

    Guarantee: at least once: every message gets an address of its own.
    """

    takes_done = True

    target_field: str = setting(
        "resource", "field that receives them, as a dotted path", writes=True, application="content"
    )
    base_uri: str = setting("http://hyperdata.it/", "what the address begins with")
    agent_uri: str = setting("http://hyperdata.it/agents/transmissions", "the address of who minted it")

    def process(self, message: Message) -> Message:
        """Return the message with the address."""
        created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        minted = {"uri": f"{self.base_uri}{uuid.uuid4()}", "created": created, "agent": self.agent_uri}
        there = get_field(message, self.target_field, None)
        set_field(message, self.target_field, {**there, **minted} if isinstance(there, dict) else minted)
        return message


class URLNormalizer(Processor):
    """Make an address uniform: scheme and host in lower case, no default port, no slash at the end.

    Example:
        :stage a :URLNormalizer ; :settings [ :inputField "link" ; :outputField "url" ] .
        in {"link": "HTTPS://Example.org:443/News/"}
        out {"link": "HTTPS://Example.org:443/News/", "url": "https://example.org/News"}

    Guarantee: idempotent.
    """

    input_field: str = setting("url", "field with the address, as a dotted path", reads=True)
    output_field: str = setting("", "field that receives it, as a dotted path; the same one if empty", writes=True)
    remove_trailing_slash: bool = setting(True, "whether a slash at the end is taken off")

    def process(self, message: Message) -> Message:
        """Return the message with the address."""
        address = require_text(message, self.input_field)
        # What one step leaves may begin or end with what the next takes off.
        while (made := self._normal(address)) != address:
            address = made
        set_field(message, self.output_field or self.input_field, address)
        return message

    def _normal(self, address: str) -> str:
        try:
            parts = urlsplit(address.strip())
        except ValueError:
            return address
        user, at, host = parts.netloc.rpartition("@")
        port = {"http": ":80", "https": ":443"}.get(parts.scheme.lower())
        host = host.lower().removesuffix(port) if port else host.lower()
        path = parts.path.rstrip("/") if self.remove_trailing_slash else parts.path
        return urlunsplit((parts.scheme.lower(), f"{user}{at}{host}", path, parts.query, parts.fragment))


class FeedUrlDeduplicator(Processor):
    """Leave out feeds that are known already, or say so: those in a list of the message, and those earlier in the run.

    Example:
        :stage a :FeedUrlDeduplicator .
        in {"feedUrl": "http://example.org/a", "existingFeeds": ["http://example.org/b"]}
        in {"feedUrl": "http://example.org/a/", "existingFeeds": []}
        in {"feedUrl": "http://example.org/b", "existingFeeds": ["http://example.org/b"]}
        out {"feedUrl": "http://example.org/a", "existingFeeds": ["http://example.org/b"], "isDuplicate": false}

    Guarantee: pure, but for what came before in the run.
    """

    stateful = True
    writes = ("isDuplicate",)

    input_field: str = setting("feedUrl", "field with the feed's address, as a dotted path", reads=True)
    existing_field: str = setting("existingFeeds", "field with the list of known addresses, as a dotted path")
    skip_duplicates: bool = setting(True, "whether a known one is left out; else `isDuplicate` says what it is")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._seen: set[str] = set()

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        address = require_text(message, self.input_field).rstrip("/")
        known = get_field(message, self.existing_field, [])
        listed = {str(one).rstrip("/") for one in known} if isinstance(known, list) else set()
        is_known = address in self._seen or address in listed
        self._seen.add(address)
        if is_known and self.skip_duplicates:
            return None
        message["isDuplicate"] = is_known
        return message


_METHODS = ("guid", "link", "hash")


class EntryDeduplicator(Processor):
    """Leave out entries of feeds that are known already, or say so: by their guid, their link, or their content.

    Known are those in `queryResults`, the rows of a SPARQL result with `guid`, `link`, `contentHash` and the entry's
    address in `entry` (or `uri`, or `post`), and those that came before in the run. Of one that goes on, `isDuplicate`
    says whether it is known, `matchMethod` by what, `existingURI` as what, and `entryHash` is a hash of its content.

    Example:
        :stage a :EntryDeduplicator ; :settings [ :checkMethod "link" ; :skipDuplicates false ] .
        in {"currentItem": {"link": "http://example.org/1"}}
        in {"currentItem": {"link": "http://example.org/1"}}
        out {"currentItem": {"link": "http://example.org/1"}, "isDuplicate": false}
        out {"currentItem": {"link": "http://example.org/1"}, "isDuplicate": true,
            "existingURI": "http://example.org/1", "matchMethod": "link"}

    Guarantee: pure, but for what came before in the run.
    """

    stateful = True
    writes = ("isDuplicate", "existingURI", "matchMethod", "entryHash")

    guid_field: str = setting("currentItem.guid", "field with the entry's guid, as a dotted path")
    link_field: str = setting("currentItem.link", "field with its link, as a dotted path")
    content_field: str = setting("currentItem.content", "field with its content, as a dotted path")
    use_content_hash: bool = setting(True, "whether entries of equal content are one")
    check_method: Literal["all", "guid", "link", "hash"] = setting("all", "by what a known one is recognised")
    skip_duplicates: bool = setting(True, "whether a known one is left out; else `isDuplicate` says what it is")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._seen: dict[tuple[str, str], str] = {}
        self._rows: tuple[Any, dict[tuple[str, str], str]] = (None, {})

    def process(self, message: Message) -> Message | None:
        """Return the message, or nothing."""
        marks = dict(self._told_by(message))
        if "hash" in marks:
            message["entryHash"] = marks["hash"]
        known = self._known(get_field(message, "queryResults.results.bindings", []))
        for method, value in marks.items():
            address = known.get((method, value), self._seen.get((method, value)))
            if address is not None:
                if self.skip_duplicates:
                    return None
                message |= {"isDuplicate": True, "existingURI": address, "matchMethod": method}
                return message
        for method, value in marks.items():
            self._seen[method, value] = marks.get("link") or marks.get("guid") or value
        message["isDuplicate"] = False
        return message

    def _told_by(self, message: Message) -> Iterator[tuple[str, str]]:
        fields = {"guid": self.guid_field, "link": self.link_field, "hash": self.content_field}
        for method in _METHODS:
            value = get_field(message, fields[method], None)
            wanted = self.check_method in ("all", method) and (method != "hash" or self.use_content_hash)
            if wanted and value not in (None, ""):
                yield method, hash_of(value) if method == "hash" else as_text(value)

    def _known(self, rows: Any) -> dict[tuple[str, str], str]:
        # Every entry of a feed carries the same rows; to go through all of them each time would be quadratic.
        if self._rows[0] is not rows and self._rows[0] != rows:
            self._rows = (rows, dict(_of_rows(rows)))
        return self._rows[1]


def hash_of(value: Any) -> str:
    """Return what tells a content apart, whatever its white space: an MD5 sum, as the JavaScript project has it."""
    text = re.sub(r"\s+", " ", as_text(value)).strip()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _of_rows(rows: Any) -> Iterator[tuple[tuple[str, str], str]]:
    for row in rows if isinstance(rows, list) else ():
        values = {name: str(one["value"]) for name, one in row.items() if isinstance(one, dict) and "value" in one}
        address = values.get("entry") or values.get("uri") or values.get("post") or values.get("link", "")
        for method, name in (("guid", "guid"), ("link", "link"), ("hash", "contentHash")):
            if name in values:
                yield (method, values[name]), address
