"""Write session logs of Claude Code of a given size, the same bytes for the same seed.

    python benchmarks/make_sessions.py 1GB logs --seed 42

The texts are invented. They hold what makes real logs hard: each answer in several lines whose counts grow, results of
tools that quote whole sessions, terminal colours, pictures, progress of sub-agents, sub-agents' own logs, and sessions
that were forked and begin with the lines of another.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

if __package__:
    from benchmarks.make_export import SNIPPETS, WORDS, size_in_bytes
else:
    from make_export import SNIPPETS, WORDS, size_in_bytes

MODELS = ["claude-sonnet-4-5-20250929"] * 6 + ["claude-opus-4-1-20250805"] * 3 + ["claude-haiku-4-5-20251001"]
QUOTED = '{"type":"assistant","message":{"id":"msg_quoted","usage":{"input_tokens":9,"output_tokens":9}}}\n'
TOOLS = ("Bash", "Read", "Grep", "Edit", "Task")
PROJECTS = 12


class _Maker:
    """Make sessions from one random number generator and a pool of texts made once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        choices = self.random.choices
        self.sentences = [" ".join(choices(WORDS, k=self.random.randint(5, 24))) + ". " for _ in range(4000)]
        self.outputs = [self.output() for _ in range(500)]
        self.picture = bytes(choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=200_000))

    def output(self) -> str:
        lines = self.random.choices(SNIPPETS, k=self.random.randint(2, 60))
        if self.random.random() < 0.2:
            lines.append("\x1b[32mpassed\x1b[0m\n" * self.random.randint(1, 40))
        if self.random.random() < 0.1:
            lines.append(QUOTED * self.random.randint(1, 30))
        return "".join(lines)

    def uuid(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def id(self, prefix: str) -> str:
        return f"{prefix}_01{self.random.getrandbits(110):022x}"

    def prose(self, most: int) -> str:
        return "".join(self.random.choices(self.sentences, k=self.random.randint(1, most)))


class _Session:
    """One session, or one sub-agent of a session: a clock, and lines that belong together."""

    def __init__(self, maker: _Maker, folder: str, session: str, agent: str = "") -> None:
        self.maker = maker
        self.random = maker.random
        self.model = self.random.choice(MODELS)
        self.cached = self.random.randint(8_000, 30_000)
        self.clock = datetime(2025, 10, 1, tzinfo=UTC) + timedelta(seconds=self.random.randint(0, 7_000_000))
        self.parent: str | None = None
        self.head: dict[str, Any] = {
            "isSidechain": bool(agent),
            "userType": "external",
            "cwd": folder,
            "sessionId": session,
            "version": "2.0.25",
            "gitBranch": "main",
        } | ({"agentId": agent} if agent else {})

    def line(self, kind: str, **values: Any) -> bytes:
        self.clock += timedelta(milliseconds=self.random.randint(50, 9000))
        own = self.maker.uuid()
        entry = {"parentUuid": self.parent, **self.head, "type": kind, **values, "uuid": own, "timestamp": self.time()}
        self.parent = own
        return orjson.dumps(entry)

    def time(self) -> str:
        return self.clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def lines(self, calls: int) -> Iterator[bytes]:
        yield self.line("user", message={"role": "user", "content": self.maker.prose(12)})
        for _ in range(calls):
            yield from self.call()
            if self.random.random() < 0.1:
                yield self.line("user", message={"role": "user", "content": self.maker.prose(8)})
            if self.random.random() < 0.02:
                snapshot = {"messageId": self.parent, "trackedFileBackups": {}, "timestamp": self.time()}
                yield orjson.dumps({"type": "file-history-snapshot", "messageId": self.parent, "snapshot": snapshot})

    def call(self) -> Iterator[bytes]:
        """Yield the lines of one answer, of the results of its tools, and of what is shown while they work."""
        answer, request = self.maker.id("msg"), self.maker.id("req")
        written = self.random.randint(100, 6_000)
        blocks = list(self.blocks())
        usage = {
            "input_tokens": self.random.randint(1, 400),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": self.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": self.random.randint(1, 8),
            "service_tier": "standard",
        }
        self.cached += written
        for number, block in enumerate(blocks, 1):
            if number == len(blocks):
                usage = usage | {"output_tokens": self.random.randint(50, 4_000)}
            message = {"model": self.model, "id": answer, "type": "message", "role": "assistant", "content": [block]}
            message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
            yield self.line("assistant", message=message, requestId=request)
        for block in blocks:
            if block["type"] == "tool_use":
                yield from self.work(block["id"])

    def blocks(self) -> Iterator[dict[str, Any]]:
        if self.random.random() < 0.3:
            yield {"type": "thinking", "thinking": self.maker.prose(10), "signature": self.maker.id("sig") * 12}
        if self.random.random() < 0.6:
            yield {"type": "text", "text": self.maker.prose(6)}
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            given = {"command": self.random.choice(SNIPPETS), "description": self.maker.prose(1)}
            yield {"type": "tool_use", "id": self.maker.id("toolu"), "name": self.random.choice(TOOLS), "input": given}

    def work(self, tool: str) -> Iterator[bytes]:
        for _ in range(self.random.choice((0, 0, 1, 2))):
            shown = {"type": "bash_progress", "output": self.random.choice(SNIPPETS), "elapsedTimeSeconds": 2}
            yield self.line("progress", data=shown, toolUseID=tool, parentToolUseID=tool)
        output = self.random.choice(self.maker.outputs)
        content: Any = output
        if self.random.random() < 0.003:
            source = {"type": "base64", "media_type": "image/png", "data": self.maker.picture.decode()}
            content = [{"type": "image", "source": source}]
        block = {"tool_use_id": tool, "type": "tool_result", "content": content, "is_error": False}
        result = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
        yield self.line("user", message={"role": "user", "content": [block]}, toolUseResult=result)


def write_logs(folder: Path, size_bytes: int, seed: int = 42) -> int:
    """Write logs of about `size_bytes` below `folder`, laid out as Claude Code does; return their size in bytes."""
    maker = _Maker(seed)
    written, before = 0, b""
    while written < size_bytes:
        place = f"/home/me/work/project-{maker.random.randrange(PROJECTS)}"
        below = folder / place.replace("/", "-")
        below.mkdir(parents=True, exist_ok=True)
        session = maker.uuid()
        most = min(400, 5 + int(maker.random.expovariate(1 / 60)))
        text = b"\n".join(_Session(maker, place, session).lines(most)) + b"\n"
        if before and maker.random.random() < 0.1:
            # A fork begins with all that the session before it had.
            text = before + text
        written += (below / f"{session}.jsonl").write_bytes(text)
        before = text if len(text) < 1_000_000 else b""
        for _ in range(maker.random.choice((0, 0, 0, 1, 2))):
            agent = f"{maker.random.getrandbits(32):08x}"
            agents = below / session / "subagents"
            agents.mkdir(parents=True, exist_ok=True)
            lines = _Session(maker, place, session, agent).lines(maker.random.randint(3, 30))
            written += (agents / f"agent-{agent}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return written


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("size", type=size_in_bytes, help="about how large: 5000, 20MB, 1GB")
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    print(f"{write_logs(given.folder, given.size, given.seed):,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
