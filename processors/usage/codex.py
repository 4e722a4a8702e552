"""CodexSessions: reads the session logs ("rollouts") of Codex, one model call a message."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from processors.usage.calls import Call, CallTable
from processors.usage.codex_lines import read_line
from processors.usage.session_reader import LogFile, SessionReader, as_message, existing
from processors.usage.values import count_of, text_of, time_of
from transmissions import Message, Processor, setting
from transmissions.usage.errors import InvalidUsage
from transmissions.usage.record import UsageRecord

__all__ = ["CodexSessions", "default_folders"]

_FIELDS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens", "total_tokens")
_ID_IN_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Counts = tuple[int, int, int, int, int]
"""Input with what is cached, the cached part, output with reasoning, the reasoning part, all."""


class CodexSessions(Processor):
    """Read the session logs ("rollouts") of Codex, one model call a message, each call once.

    Codex logs running totals, which begin anew when a session is resumed, are repeated, and are copied with the history
    into sessions that are forked. What is sent of each call is what the total grew by. A call belongs to the session
    that made it; a sub-agent's calls belong to the session that sent it. Messages are sent when all logs are read.
    Memory does not grow with the logs: 10,000 calls are held, more go to a temporary file.

    Each message has `usage` (disjoint token counts), `model`, `session`, `project`, `agent` and `time`. A line that is
    broken is reported with its number, and costs no other.

    Example:
        :stage a :CodexSessions ; :settings [ :sourceFile "rollout.jsonl" ] .
        file rollout.jsonl {"type": "session_meta", "payload": {"id": "s1", "cwd": "/home/me/river"}}
            {"type": "turn_context", "payload": {"model": "gpt-5-codex"}}
            {"type": "event_msg", "timestamp": "2026-01-02T03:04:09Z", "payload": {"type": "token_count",
            "info": {"total_token_usage": {"input_tokens": 1000, "cached_input_tokens": 800, "output_tokens": 50,
            "reasoning_output_tokens": 20}}}}
        out {"usage": {"input": 200, "output": 50, "call": "…", "run": "s1", "model": "gpt-5-codex",
            "provider": "openai", "cache_read": 800, "reasoning": 20, "project": "/home/me/river", "session": "s1",
            "at": "2026-01-02T03:04:09+00:00"}, "model": "gpt-5-codex", "session": "s1",
            "project": "/home/me/river", "agent": "", "time": "2026-01-02T03:04:09+00:00"}

    Guarantee: pure; the same logs give the same calls.
    """

    writes = ("usage", "model", "session", "project", "agent", "time")
    stateful = True

    source_file: list[Path] = setting(
        [], "the logs: files, or folders searched for .jsonl; by default where Codex keeps them", volatile=True
    )

    def start(self) -> None:
        """Begin the counts."""
        self._account = _Account()
        self._reader = SessionReader("codex", "Codex", self.warn, self.lose, self._progress)

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the calls of the logs."""
        for record in self.records():
            yield as_message(message, record)

    def records(self) -> Iterator[UsageRecord]:
        """Yield the calls of the logs without messages around them; after `start`.

        Raises:
            TransmissionsError: there is no such file or folder, or no log in it.
        """
        family = _Family()
        paths = self.source_file or existing(default_folders(), "Codex")
        return self._reader.read(paths, lambda path, table: _CodexLog(path, table, family, self._account), family.meet)

    def report(self) -> dict[str, Any]:
        """Return what was read; `restarts` and `last_totals` tell how far Codex's own totals are from what was used."""
        account = self._account
        told = self._reader.report() | {"restarts": account.restarts, "last_totals": account.last_totals}
        if account.restarts:
            told["note"] = (
                f"Codex began its totals anew {account.restarts:,}×, as it does when a session is resumed; "
                f"its own, {account.last_totals:,} tokens, leave out what was used before, which is counted here"
            )
        return told

    def _progress(self, done: int, total: int) -> None:
        self.bytes_done, self.bytes_total = done, total


def default_folders() -> list[Path]:
    """Return where Codex keeps its logs: below `CODEX_HOME`, else in the home folder."""
    named = os.environ.get("CODEX_HOME", "").strip()
    home = Path(named).expanduser() if named else Path.home() / ".codex"
    return [home / "sessions", home / "archived_sessions"]


class _Account:
    """How often running totals began anew, and the sum of those that logs end with, which Codex shows itself."""

    restarts = 0
    last_totals = 0


class _Family:
    """Which session came of which, so that a history which several logs hold is known as one."""

    def __init__(self) -> None:
        self._origins: dict[str, str] = {}
        self._senders: dict[str, str] = {}

    def meet(self, head: bytes) -> None:
        """Note what the first line of a log says of its session."""
        with contextlib.suppress(ValueError):
            kind, _, payload = read_line(head)
            if kind == "session_meta":
                self.note(payload)

    def note(self, meta: Mapping[str, Any]) -> None:
        """Note what a session says of itself."""
        session = text_of(meta.get("id"))
        sender = text_of(_spawned(meta).get("parent_thread_id"))
        # A sub-agent that was sent without a history shares none, however alike its counts are.
        origin = text_of(meta.get("forked_from_id"))
        if session and origin and origin != session:
            self._origins[session] = origin
        if session and sender and sender != session:
            self._senders[session] = sender

    def origin(self, session: str) -> str:
        """Return the first session of a history."""
        return _last(self._origins, session)

    def sender(self, session: str) -> str:
        """Return the session that a person began, of which a sub-agent's came; the session itself if it is one."""
        return _last(self._senders, session)


def _last(links: Mapping[str, str], name: str) -> str:
    met = set()
    while name in links and name not in met:
        met.add(name)
        name = links[name]
    return name


def _spawned(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    source = meta.get("source")
    agent = source.get("subagent") if isinstance(source, dict) else None
    spawned = agent.get("thread_spawn") if isinstance(agent, dict) else None
    return spawned if isinstance(spawned, dict) else {}


class _CodexLog(LogFile):
    """One log.

    Args:
        path: the file.
        table: takes its calls.
        family: knows the sessions that came of others.
        account: counts what became of running totals.
    """

    def __init__(self, path: Path, table: CallTable, family: _Family, account: _Account) -> None:
        super().__init__(path)
        self._table = table
        self._family = family
        self._account = account
        found = _ID_IN_NAME.search(path.name)
        self._session = found.group() if found else path.name.partition(".")[0]
        self._named = self._forked = False
        self._project = self._model = self._agent = ""
        self._provider = "openai"
        self._before: Counts | None = None
        self._nameless: list[Call] = []

    def take(self, line: bytes, number: int) -> None:
        """Take a call, or what later calls are made with."""
        kind, time, payload = read_line(line)
        if kind == "session_meta":
            self._take_session(payload)
        elif kind == "turn_context":
            self._take_model(text_of(payload.get("model")))
            self._project = self._project or text_of(payload.get("cwd"))
        elif kind == "event_msg" and payload.get("type") == "token_count" and isinstance(payload.get("info"), dict):
            self._take_counts(payload["info"], time, number)

    def end(self) -> None:
        """Hand on what no model was named for."""
        self._take_model("")
        if self._before is not None:
            self._account.last_totals += self._before[0] + self._before[2]

    def _take_model(self, model: str) -> None:
        # Old versions name the model only behind the first call.
        self._model = model or self._model
        for call in self._nameless:
            self._table.add(call._replace(model=self._model))
        self._nameless.clear()

    def _take_session(self, meta: Mapping[str, Any]) -> None:
        # The history of a forked session brings the lines of the older ones, which are not what this log is.
        self._family.note(meta)
        if self._named:
            return
        self._named = True
        self._session = text_of(meta.get("id")) or self._session
        self._project = text_of(meta.get("cwd"))
        self._provider = text_of(meta.get("model_provider")) or "openai"
        self._forked = bool(meta.get("forked_from_id"))
        source = meta.get("source")
        agent = source.get("subagent") if isinstance(source, dict) else None
        if agent:
            self._agent = text_of(_spawned(meta).get("agent_nickname")) or text_of(agent) or self._session

    def _take_counts(self, info: Mapping[str, Any], time: str, number: int) -> None:
        total, last = _counts("total_token_usage", info), _counts("last_token_usage", info)
        used = self._used(total, last)
        self._before = total or self._before
        if used is None or not any(used):
            return
        origin = self._family.origin(self._session)
        # The same place in a history has the same totals, whichever log tells of it and at whatever time.
        place = (origin, total, last) if total else (origin, self.path.name, number)
        read, cached, output, reasoning, _ = used
        cached, reasoning = min(cached, read), min(reasoning, output)
        found = Call(
            xxh3_128_hexdigest(repr(place).encode()),
            "",
            self._forked,
            False,
            read + output,
            self._family.sender(self._session),
            self._agent,
            self._project,
            self._model,
            self._provider,
            time_of("timestamp", time),
            (read - cached, cached, 0, 0, output, reasoning, 0),
        )
        if self._model:
            self._table.add(found)
        else:
            self._nameless.append(found)

    def _used(self, total: Counts | None, last: Counts | None) -> Counts | None:
        """Return what this call used: what the total grew by, or the last counts where a total begins anew."""
        if total is None:
            return last
        if total == self._before:
            return None
        if self._before is None:
            return last or total
        grown = tuple(now - before for now, before in zip(total, self._before, strict=True))
        if min(grown) < 0 or (last == total and any(self._before)):
            self._account.restarts += 1
            return last or total
        return grown[0], grown[1], grown[2], grown[3], grown[4]


def _counts(name: str, info: Mapping[str, Any]) -> Counts | None:
    counts = info.get(name)
    if not isinstance(counts, dict):
        return None
    read, cached, output, reasoning, total = (count_of(f"{name}.{field}", counts.get(field)) for field in _FIELDS)
    if cached > read:
        raise InvalidUsage(f"{name}.cached_input_tokens", f"a part of the {read} input tokens", cached)
    return read, cached, output, reasoning, total
