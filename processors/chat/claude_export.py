"""ClaudeExport: reads a Claude export, one conversation a message."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

from processors.chat.archive import ArchiveError, Limits, Part, open_parts
from processors.chat.decoding import decode, decode_leniently
from processors.chat.detection import Detected, detect
from processors.chat.element import Element
from processors.chat.lines import split_lines
from processors.chat.splitter import split_objects
from processors.chat.times import utc_text
from processors.chat.window import WINDOW_BYTES, Window
from transmissions import Message, Processor, setting

__all__ = ["ClaudeExport"]

_KEY = b'"chat_messages"'


class _Unchanged:
    """What a piece is that was converted before, under the same fingerprint: the number of its files."""

    __slots__ = ("files",)

    def __init__(self, files: int) -> None:
        self.files = files


class _Opened(NamedTuple):
    """A part that was opened: what reads on, what was read, and what that told."""

    read: Callable[[int], bytes]
    head: bytes
    detected: Detected


class ClaudeExport(Processor):
    """Read Claude exports (.json, .jsonl, .jsonl.zst, .zip, a folder, standard input), one conversation a message.

    What a file is, is told by its content. It is read in place and in pieces: memory grows with the largest
    conversation, not with the file. A conversation that is broken is repaired or reported with its bytes, and costs no
    other. Of conversations with the same id the one changed last counts, then the one with more messages.

    Each message has `conversation` (as exported), `provider`, `source` (`key`: the conversation's id; `digest`: of its
    bytes and what it is made with) and `location` (`file`, `bytes`).

    Example:
        :stage a :ClaudeExport ; :settings [ :sourceFile "conversations.json" ] .
        file conversations.json [{"uuid": "6f1c2a00-0000-4000-8000-000000000001", "name": "Thaw", "created_at":
            "2025-03-01T09:00:00Z",
            "updated_at": "2025-03-01T09:01:00Z", "chat_messages": [
            {"uuid": "a1", "sender": "human", "text": "Will it rain?", "created_at": "2025-03-01T09:00:00Z"},
            {"uuid": "b2", "sender": "assistant", "text": "All day.", "created_at": "2025-03-01T09:01:00Z"}]}]
        out {"provider": "claude", "conversation": {"uuid": "6f1c2a00-0000-4000-8000-000000000001", "name": "Thaw",
            "created_at": "2025-03-01T09:00:00Z",
            "updated_at": "2025-03-01T09:01:00Z", "chat_messages": [
            {"uuid": "a1", "sender": "human", "text": "Will it rain?", "created_at": "2025-03-01T09:00:00Z"},
            {"uuid": "b2", "sender": "assistant", "text": "All day.", "created_at": "2025-03-01T09:01:00Z"}]},
            "source": {"key": "6f1c2a00-0000-4000-8000-000000000001"},
            "location": {"file": "…/conversations.json", "bytes": [1, 355]}}

    Guarantee: idempotent; the same input gives the same messages in the same order.
    """

    writes = ("conversation", "provider", "source", "location")
    stateful = True

    source_file: list[Path] = setting(
        doc='the export: files, zip files, folders, or "-" for standard input', volatile=True
    )
    carry: list[str] = setting([], "fields of the message that starts the run to send along with each conversation")
    format: Literal["auto", "claude"] = setting(
        "auto", "what a named file is: told by its content, or `claude`, whatever it looks like", volatile=True
    )
    incremental: bool = setting(False, "skip conversations whose files in the target are up to date", volatile=True)
    force: bool = setting(False, "with `incremental`, also send those whose files are up to date", volatile=True)
    max_conversation_bytes: int = setting(
        64 << 20, "a larger conversation is skipped and reported", minimum=1, volatile=True
    )
    max_entries: int = setting(10_000, "refuse zip files with more members", minimum=1, volatile=True)
    max_ratio: float = setting(500.0, "refuse zip members compressed more than so many times", minimum=1, volatile=True)
    max_member_bytes: int = setting(16 << 30, "refuse zip members with more bytes, unpacked", minimum=1, volatile=True)

    def start(self) -> None:
        """Read what the target holds already, so that nothing newer is replaced by something older."""
        self._counts = {"conversations": 0, "unchanged": 0, "repaired": 0, "lost": 0, "duplicates": 0, "older": 0}
        self._detected: list[dict[str, str]] = []
        self._refusals: set[str] = set()
        self._ranks: dict[str, str] = {}
        self._archived: dict[str, str] = {}
        self._digest = ""
        self._seed = xxh3_64_intdigest(self.context.fingerprint.encode())
        self._manifest: Any = None
        if self.incremental:
            self._manifest = self.context.output.manifest
            for key, entry in self._manifest.entries():
                self._archived[key] = _rank(entry.get("updated"), entry.get("messages"))

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the conversations of the export."""
        limits = Limits(self.max_entries, self.max_ratio, self.max_member_bytes)
        with ExitStack() as stack:
            readable = self._readable(
                list(open_parts([str(path) for path in self.source_file], limits, stack, self._refused))
            )
            self.bytes_total = _sum([part.size_bytes for part, _ in readable])
            done = 0
            for part, opened in readable:
                for element, place in self._elements(part, opened):
                    self.bytes_done = done + element.end
                    conversation = self._conversation(element, place)
                    if conversation is not None:
                        yield self._message(message, conversation, place)
                done += part.size_bytes or 0

    def finish(self) -> None:
        """Give up what is needed only while conversations come."""
        self._ranks.clear()
        self._archived.clear()

    def report(self) -> dict[str, Any]:
        """Return what was read, and what became of each conversation."""
        return {"read": self._detected, **self._counts}

    def _message(self, message: Message, conversation: dict[str, Any], place: dict[str, Any]) -> Message:
        source = {"key": _key(conversation, self._digest)}
        if self.incremental:
            source["digest"] = self._digest
        self._counts["conversations"] += 1
        carried = {name: message[name] for name in self.carry if name in message}
        return carried | {"provider": "claude", "conversation": conversation, "source": source, "location": place}

    # What there is to read.

    def _refused(self, why: str, name: str) -> None:
        if self._manifest is not None:
            # What would have stood there is not gone from the export.
            self._manifest.spare(None)
        if name not in self._refusals:
            # A file is opened twice: to see what it is, and to read it.
            self._refusals.add(name)
            self.lose(f"{name}: {why}", file=name)

    def _readable(self, parts: list[Part]) -> list[tuple[Part, _Opened | None]]:
        """Return the parts that hold conversations of Claude; raises ArchiveError if there are none."""
        readable: list[tuple[Part, _Opened | None]] = []
        passed: list[tuple[Part, Detected]] = []
        for part in parts:
            with ExitStack() as stack:
                opened = _open(part, stack, self._refused)
            found = opened.detected
            if self.format == "claude" and part.asked_for and found.kind in ("other", "unknown"):
                found = replace(found, kind="claude", label="taken for a Claude export")
            if found.kind == "claude":
                self.context.log("info", f"{part.name}: {found}", {"file": part.name})
                self._detected.append({"file": part.name, "as": found.label, "because": found.why})
                # Many files are not kept open; what can be read only once is.
                readable.append((part, opened if part.once else None))
            elif part.asked_for:
                raise ArchiveError(f"{part.name}: {found}; this is not the conversations of a Claude export")
            else:
                passed.append((part, found))
        if not readable:
            seen = "".join(f"\n  {part.name}: {found}" for part, found in passed[:10])
            where = ", ".join(map(str, self.source_file))
            raise ArchiveError(
                f"{where}: holds no conversations of a Claude export{seen or '; there is nothing to read'}"
            )
        for part, found in passed:
            if found.kind in ("claude-other", "empty"):
                self.context.log("info", f"{part.name}: {found}, passed over", {"file": part.name})
            else:
                self.warn(f"{part.name}: {found}, passed over", file=part.name)
        return readable

    def _elements(self, part: Part, opened: _Opened | None) -> Iterator[tuple[Element, dict[str, Any]]]:
        with ExitStack() as stack:
            read, head, found = opened or _open(part, stack, self._refused)
            pieces = [head[found.start :]]
            window = Window(lambda size: pieces.pop() if pieces else read(size), WINDOW_BYTES, found.start)
            limit, prove, repair = self.max_conversation_bytes, self._prove, self._repair
            if found.layout == "lines":
                elements = split_lines(window, prove, repair, limit_bytes=limit)
            else:
                in_array = found.layout == "array"
                elements = split_objects(window, prove, repair, key=_KEY, in_array=in_array, limit_bytes=limit)
            for element in elements:
                yield element, {"file": part.name, "bytes": [element.start, element.end]}

    # One conversation.

    def _prove(self, data: bytes) -> Any:
        """Return what the bytes are; bytes that were converted before need no decoding to be known."""
        if self._manifest is None:
            return decode(data)
        digest = self._digest_of(data)
        files = None if self.force else self._manifest.unchanged(digest)
        return decode(data) if files is None else _Unchanged(files)

    def _repair(self, data: bytes) -> Any:
        if self._manifest is not None:
            self._digest_of(data)
        return decode_leniently(data)

    def _digest_of(self, data: bytes) -> str:
        self._digest = xxh3_128_hexdigest(data, self._seed)
        return self._digest

    def _conversation(self, element: Element, place: dict[str, Any]) -> dict[str, Any] | None:
        """Return the conversation to pass on; None if there is none, or none that counts."""
        value = element.value
        if type(value) is _Unchanged:
            self._counts["unchanged"] += 1
            self.outputs["unchanged"] = self.outputs.get("unchanged", 0) + value.files
            return None
        if value is None:
            self._lost(element, place)
            return None
        if "chat_messages" not in value and not ("uuid" in value and "name" in value):
            element.problem = "not a conversation"
            self._lost(element, place)
            return None
        if element.repaired:
            self._counts["repaired"] += 1
            self.warn(
                "a conversation had bytes, characters or numbers that JSON does not allow; they were replaced",
                conversation=str(value.get("uuid", "")),
                **place,
            )
        return value if self._counts_as_newest(value, place) else None

    def _lost(self, element: Element, place: dict[str, Any]) -> None:
        self._counts["lost"] += 1
        if self._manifest is not None:
            # Which conversation it was is not sure, so none may count as gone.
            self._manifest.spare(None)
        what = {
            "truncated": "the file ends before its array does",
            "not JSON": "a conversation is not JSON",
            "too large": f"a conversation is larger than {self.max_conversation_bytes} bytes (:maxConversationBytes)",
            "not an object": "there is something between the conversations that is none",
        }.get(element.problem, "an object is no conversation")
        if element.problem == "truncated" and element.end > element.start:
            what = "the file ends inside a conversation"
        whole = self._counts["conversations"] + self._counts["unchanged"]
        uuid = _uuid_in(element.data)
        facts = {"conversation": uuid, "begins": "" if uuid else element.data[:80].decode("utf-8", "replace")}
        self.lose(
            f"{what}: {place['file']}, bytes {element.start} to {element.end}, after {whole} whole conversations",
            **{name: value for name, value in facts.items() if value},
            **place,
        )

    def _counts_as_newest(self, conversation: dict[str, Any], place: dict[str, Any]) -> bool:
        key = _key(conversation, self._digest)
        messages = conversation.get("chat_messages")
        rank = _rank(conversation.get("updated_at"), len(messages) if isinstance(messages, list) else 0)
        before = self._ranks.get(key)
        if before is not None:
            self._counts["duplicates"] += 1
            if self._counts["duplicates"] == 1:
                self.warn(
                    "conversations come twice, this one first; the one changed last counts", conversation=key, **place
                )
            if rank <= before:
                return False
        if rank < self._archived.get(key, ""):
            self._counts["older"] += 1
            self._manifest.spare(key)
            self.context.log("info", f"conversation {key} is newer in the target than in the export; kept", place)
            return False
        self._ranks[key] = rank
        return True


def _key(conversation: dict[str, Any], digest: str) -> str:
    uuid = conversation.get("uuid")
    if isinstance(uuid, str) and uuid:
        return uuid
    content = digest or hashlib.sha256(orjson.dumps(conversation, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"without-id-{content[:32]}"


def _rank(updated: Any, messages: Any) -> str:
    """Return a text that is the greater the later a conversation was changed, and then the more messages it has."""
    return f"{utc_text(updated)}#{messages if isinstance(messages, int) else 0:09}"


def _uuid_in(data: bytes) -> str:
    """Return the id of a broken conversation, if it begins with one."""
    start = data.find(b'"uuid"', 0, 200)
    quotes = data[start + 6 : start + 120].split(b'"') if start >= 0 else []
    return quotes[1].decode("utf-8", "replace") if len(quotes) > 2 else ""


def _open(part: Part, stack: ExitStack, report: Callable[[str, str], None]) -> _Opened:
    """Open a part, and tell what it is."""
    read = part.open(stack, report)
    head = b""
    while len(head) < WINDOW_BYTES and (more := read(WINDOW_BYTES - len(head))):
        head += more
    return _Opened(read, head, detect(head, whole=len(head) < WINDOW_BYTES))


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
