"""What the tests of chat archives share: small exports, and plain loops over the processors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processors.chat.claude_export import ClaudeExport
from processors.chat.markdown_formatter import MarkdownFormatter
from transmissions.context import Context
from transmissions.output import Output

ROOT = "00000000-0000-4000-8000-000000000000"

Json = dict[str, Any]


def uuid(number: int) -> str:
    """Return an id; those of numbers below 4096 begin with three digits of their own."""
    return f"{number:03x}00000-0000-4000-8000-{number:012x}"


def message(number: int, text: Any = "hello", sender: str = "human", /, **more: Any) -> Json:
    """Return a message with one text block; `more` replaces or adds fields."""
    time = f"2025-01-02T03:{number % 60:02}:00.000000Z"
    blocks = [{"type": "text", "text": text}] if isinstance(text, str) else text
    fields = {"uuid": uuid(number), "text": "", "content": blocks, "sender": sender, "created_at": time}
    return fields | {"updated_at": time, "attachments": [], "files": []} | more


def conversation(number: int, *messages: Json, **more: Any) -> Json:
    """Return a conversation; without messages it has two."""
    chat = list(messages) or [message(1), message(2, "hi", "assistant")]
    fields = {"uuid": uuid(number), "name": f"Talk {number}", "created_at": "2025-01-02T03:00:00.000000Z"}
    return (
        fields | {"updated_at": "2025-01-02T04:00:00.000000Z", "account": {"uuid": "a"}, "chat_messages": chat} | more
    )


@pytest.fixture
def talk() -> Callable[..., Json]:
    """Make a conversation of messages."""
    return conversation


@pytest.fixture
def say() -> Callable[..., Json]:
    """Make a message."""
    return message


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Write conversations, or bytes, as a file; return its path."""

    def write(content: Any, name: str = "conversations.json") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


class Reading:
    """What reading an export gave: the messages, and the processor with its counts and problems."""

    def __init__(self, processor: ClaudeExport, messages: list[Json]) -> None:
        self.processor = processor
        self.messages = messages
        self.conversations = [one["conversation"] for one in messages]
        self.uuids = [one.get("uuid") for one in self.conversations]
        self.problems = processor.problems
        self.counts = processor.report()


@pytest.fixture
def read() -> Callable[..., Reading]:
    """Read exports with ClaudeExport."""

    def run(*sources: Path | str, log: list[str] | None = None, target: Path | None = None, **settings: Any) -> Reading:
        processor = ClaudeExport(source_file=list(sources), **settings)
        processor.context = Context(
            log=lambda level, text, facts: None if log is None else log.append(text),
            output=Output(target or Path()),
            fingerprint="f",
        )
        processor.start()
        return Reading(processor, list(processor.process({})))

    return run


class Formatted:
    """What formatting gave: contents by path, the messages, and the processor."""

    def __init__(self, processor: MarkdownFormatter, messages: list[Json]) -> None:
        self.processor = processor
        self.messages = messages
        self.files = {one["filepath"]: one["content"] for one in messages}
        assert len(self.files) == len(messages), "two files have the same path"
        self.problems = processor.problems
        self.counts = processor.report()

    @property
    def page(self) -> str:
        """The only Markdown file."""
        (page,) = [content for path, content in self.files.items() if not path.startswith(("art", "att"))]
        return page

    @property
    def text(self) -> str:
        """The only page without front matter, title and the line below."""
        return self.page.split("\n\n", 3)[3]


@pytest.fixture
def write() -> Callable[..., Formatted]:
    """Format conversations with MarkdownFormatter."""

    def run(*conversations: Json, **settings: Any) -> Formatted:
        processor = MarkdownFormatter(**settings)
        processor.start()
        messages = []
        for one in conversations:
            key = one["uuid"] if isinstance(one.get("uuid"), str) else "no-id"
            given = {"provider": "claude", "conversation": one, "source": {"key": key}, "location": {}}
            messages += list(processor.process(given))
        return Formatted(processor, messages)

    return run
