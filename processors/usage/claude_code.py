"""ClaudeCodeSessions: reads the session logs of Claude Code, one model call a message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processors.usage.calls import Call, CallTable
from processors.usage.claude_code_lines import Answer, Line, Shown, Usage, read_line
from processors.usage.session_reader import LogFile, SessionReader, as_message, existing
from processors.usage.values import time_of
from transmissions import Message, Processor, setting
from transmissions.usage.record import UsageRecord

__all__ = ["ClaudeCodeSessions", "default_folders"]

_SYNTHETIC = "<synthetic>"
_NO_AGENT_ID = "sidechain"


class ClaudeCodeSessions(Processor):
    """Read the session logs of Claude Code, one model call a message, each call once.

    A call stands in the logs several times: once for each part of its answer, with counts that grow, and again in
    sessions that were resumed or forked and in the progress of sub-agents. What is sent has the largest counts, and
    belongs to the session that made the call; a sub-agent's calls belong to the session that sent it. Messages are
    sent when all logs are read. Memory does not grow with the logs: 10,000 calls are held, more go to a temporary file.

    Each message has `usage` (disjoint token counts), `model`, `session`, `project`, `agent` and `time`. A line that is
    broken is reported with its number, and costs no other.

    Example:
        :stage a :ClaudeCodeSessions ; :settings [ :sourceFile "session.jsonl" ] .
        file session.jsonl {"type": "assistant", "sessionId": "s1", "cwd": "/home/me/river", "requestId": "req_1",
            "timestamp": "2026-01-02T03:04:05Z", "message": {"id": "msg_1", "model": "claude-sonnet-4-5",
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 1000, "output_tokens": 10}}}
        out {"usage": {"input": 3, "output": 10, "call": "msg_1:req_1", "run": "s1", "model": "claude-sonnet-4-5",
            "provider": "anthropic", "cache_read": 1000, "project": "/home/me/river", "session": "s1",
            "at": "2026-01-02T03:04:05+00:00"}, "model": "claude-sonnet-4-5", "session": "s1",
            "project": "/home/me/river", "agent": "", "time": "2026-01-02T03:04:05+00:00"}

    Guarantee: pure; the same logs give the same calls.
    """

    writes = ("usage", "model", "session", "project", "agent", "time")
    stateful = True

    source_file: list[Path] = setting(
        [], "the logs: files, or folders searched for .jsonl; by default where Claude Code keeps them", volatile=True
    )

    def start(self) -> None:
        """Begin the counts."""
        self._reader = SessionReader("claude-code", "Claude Code", self.warn, self.lose, self._progress)

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the calls of the logs."""
        for record in self.records():
            yield as_message(message, record)

    def records(self) -> Iterator[UsageRecord]:
        """Yield the calls of the logs without messages around them; after `start`.

        Raises:
            TransmissionsError: there is no such file or folder, or no log in it.
        """
        projects: dict[str, str] = {}
        paths = self.source_file or existing(default_folders(), "Claude Code")
        return self._reader.read(paths, lambda path, table: _ClaudeLog(path, table, projects))

    def report(self) -> dict[str, Any]:
        """Return what was read."""
        return self._reader.report()

    def _progress(self, done: int, total: int) -> None:
        self.bytes_done, self.bytes_total = done, total


def default_folders() -> list[Path]:
    """Return where Claude Code keeps its logs: below `CLAUDE_CONFIG_DIR`, which may name several folders parted by
    commas, else in the home folder.
    """
    named = [part.strip() for part in os.environ.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    homes = [Path(part).expanduser() for part in named] or [Path.home() / ".claude", Path.home() / ".config" / "claude"]
    return [home if home.name == "projects" else home / "projects" for home in homes]


class _ClaudeLog(LogFile):
    """One log: of a session, or of a sub-agent of one.

    Args:
        path: the file.
        table: takes its calls.
        projects: the project of each session met so far.
    """

    def __init__(self, path: Path, table: CallTable, projects: dict[str, str]) -> None:
        super().__init__(path)
        self._table = table
        self._known = table.known
        self._projects = projects

    def take(self, line: bytes, number: int) -> None:
        """Take a call from the line of an assistant, or of a sub-agent's progress."""
        value = read_line(line)
        if value is None:
            return
        if value.type == "assistant":
            if value.message is not None:
                self._take_answer(value, value, value.message, number)
        elif value.type == "progress" and value.data is not None and value.data.message is not None:
            shown = value.data.message
            if shown.type == "assistant" and shown.message is not None:
                self._take_answer(value, shown, shown.message, number)

    def _take_answer(self, line: Line, part: Line | Shown, answer: Answer, number: int) -> None:
        usage = answer.usage
        if usage is None or answer.model == _SYNTHETIC:
            return
        counts = _counts(usage)
        total = counts[0] + counts[1] + counts[2] + counts[3] + counts[4]
        answer_id = answer.id or part.uuid or f"{self.path.stem}:{number}"
        request = part.requestId or ""
        progress = part is not line
        sidechain = progress or line.isSidechain is True
        copied = progress or line.forkedFrom is not None
        known = self._known((answer_id, request))
        # Most lines repeat what is known.
        if known and total <= known.total and (known.sidechain, known.copied) <= (sidechain, copied):
            return
        session = (line.forkedFrom.sessionId if line.forkedFrom else None) or line.sessionId or self.path.stem
        agent = line.data.agentId if progress and line.data else line.agentId
        call = Call(
            answer_id,
            request,
            copied,
            sidechain,
            total,
            session,
            agent or (_NO_AGENT_ID if sidechain else ""),
            self._projects.get(session) or self._project(session, line.cwd),
            # Fast answers have prices of their own; under the plain name they would be priced as slow ones.
            f"fast:{answer.model}" if usage.speed == "fast" else answer.model or "",
            _provider(answer.model or "", answer_id),
            time_of("timestamp", part.timestamp or line.timestamp or ""),
            counts,
        )
        self._table.add(call)

    def _project(self, session: str, folder: str | None) -> str:
        # A session that changes its folder, and its sub-agents, stay what they began as.
        return self._projects.setdefault(session, folder or self.path.parent.name)


def _counts(usage: Usage) -> tuple[int, int, int, int, int, int, int]:
    """Return the counts in a record's order."""
    short, long, parts = usage.cache_creation_input_tokens, None, usage.cache_creation
    if parts is not None and not (parts.ephemeral_5m_input_tokens is None and parts.ephemeral_1h_input_tokens is None):
        short, long = parts.ephemeral_5m_input_tokens, parts.ephemeral_1h_input_tokens
    return (
        usage.input_tokens or 0,
        usage.cache_read_input_tokens or 0,
        short or 0,
        long or 0,
        usage.output_tokens or 0,
        0,
        (usage.server_tool_use.web_search_requests or 0) if usage.server_tool_use else 0,
    )


def _provider(model: str, answer_id: str) -> str:
    if answer_id.startswith("msg_bdrk_"):
        return "bedrock"
    if answer_id.startswith("msg_vrtx_"):
        return "google"
    # Claude Code can be pointed at models of others, whose prices are not Anthropic's.
    return "anthropic" if model.startswith("claude") else ""
