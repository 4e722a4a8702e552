"""ClaudeCodeSessions: reads the session logs of Claude Code, one model call a message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processors.usage.calls import Call, CallTable
from processors.usage.session_reader import LogFile, SessionReader, as_message, existing
from processors.usage.values import count_of, text_of
from transmissions import Message, Processor, setting
from transmissions.usage.record import MAX_COUNT, UsageRecord

__all__ = ["ClaudeCodeSessions", "default_folders"]

_SYNTHETIC = "<synthetic>"
_NO_AGENT_ID = "sidechain"
_FIELDS = (
    "input_tokens",
    "cache_read_input_tokens",
    "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens",
    "output_tokens",
)


class ClaudeCodeSessions(Processor):
    """Read the session logs of Claude Code, one model call a message, each call once.

    A call stands in the logs several times: once for each part of its answer, with counts that grow, and again in
    sessions that were resumed or forked and in the progress of sub-agents. What is sent has the largest counts, and
    belongs to the session that made the call; a sub-agent's calls belong to the session that sent it. Messages are
    sent when all logs are read. Memory does not grow with the logs: 10,000 calls are held, more go to a temporary file.

    Each message has `usage` (disjoint token counts), `model`, `session`, `project`, `agent` and `time`. A line that is
    broken is reported with its number, and costs no other; of lines that hold no usage only the ends are looked at.

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
        self._projects = projects

    def matters(self, line: bytes) -> bool:
        """Say whether the line may hold usage: inside a text the quotes around the word would be escaped."""
        return b'"usage"' in line

    def take(self, value: Any, number: int) -> None:
        """Take a call from the line of an assistant, or of a sub-agent's progress."""
        if not isinstance(value, dict):
            return
        if value.get("type") == "assistant":
            self._take_answer(value, value, number, progress=False)
        elif value.get("type") == "progress" and isinstance(data := value.get("data"), dict):
            shown = data.get("message")
            if isinstance(shown, dict) and shown.get("type") == "assistant":
                self._take_answer({**shown, "agentId": data.get("agentId")}, value, number, progress=True)

    def _take_answer(self, answer: dict[str, Any], line: dict[str, Any], number: int, progress: bool) -> None:
        message = answer.get("message")
        if not isinstance(message, dict) or message.get("model") == _SYNTHETIC:
            return
        usage = message.get("usage")
        if not isinstance(usage, dict):
            return
        counts = _counts(usage)
        total = sum(counts)
        answer_id = text_of(message.get("id")) or text_of(answer.get("uuid")) or f"{self.path.stem}:{number}"
        request = text_of(answer.get("requestId"))
        sidechain = progress or answer.get("isSidechain") is True
        forked_from = _forked_from(line)
        copied = progress or bool(forked_from)
        if not self._table.lacks(answer_id, request, total, copied, sidechain):
            return
        session = forked_from or text_of(line.get("sessionId")) or self.path.stem
        model = text_of(message.get("model"))
        call = Call(
            answer_id,
            request,
            copied,
            sidechain,
            total,
            session,
            text_of(answer.get("agentId")) or (_NO_AGENT_ID if sidechain else ""),
            self._projects.setdefault(session, text_of(line.get("cwd")) or self.path.parent.name),
            _model_name(model, usage),
            _provider(model, answer_id),
            text_of(answer.get("timestamp") or line.get("timestamp")),
            (*counts, 0, _searches(usage)),
        )
        self._table.add(call)


def _counts(usage: dict[str, Any]) -> tuple[int, int, int, int, int]:
    """Return the counts in a record's order: input, cache read, cache written for 5 minutes, for an hour, output."""
    get = usage.get
    short, long = get("cache_creation_input_tokens"), 0
    parts = get("cache_creation")
    if isinstance(parts, dict) and parts:
        short, long = parts.get("ephemeral_5m_input_tokens", 0), parts.get("ephemeral_1h_input_tokens", 0)
    counts = (get("input_tokens"), get("cache_read_input_tokens"), short, long, get("output_tokens"))
    for count in counts:
        if type(count) is not int or not 0 <= count <= MAX_COUNT:
            break
    else:
        return counts
    checked = tuple(count_of(field, count) for field, count in zip(_FIELDS, counts, strict=True))
    return checked[0], checked[1], checked[2], checked[3], checked[4]


def _searches(usage: dict[str, Any]) -> int:
    tools = usage.get("server_tool_use")
    return count_of("web_search_requests", tools.get("web_search_requests")) if isinstance(tools, dict) else 0


def _forked_from(line: dict[str, Any]) -> str:
    forked = line.get("forkedFrom")
    return text_of(forked.get("sessionId")) if isinstance(forked, dict) else ""


def _model_name(model: str, usage: dict[str, Any]) -> str:
    # Fast answers have prices of their own; under the plain name they would be priced as slow ones.
    return f"fast:{model}" if usage.get("speed") == "fast" else model


def _provider(model: str, answer_id: str) -> str:
    if answer_id.startswith("msg_bdrk_"):
        return "bedrock"
    if answer_id.startswith("msg_vrtx_"):
        return "google"
    # Claude Code can be pointed at models of others, whose prices are not Anthropic's.
    return "anthropic" if model.startswith("claude") else ""
