"""Write a Claude export of a given size, the same bytes for the same seed.

    python benchmarks/make_export.py 100MB export.json --seed 42 --style compact

The texts are invented. They hold what makes real exports hard: CJK, Cyrillic and emoji, code with many escapes,
thinking, tool and artifact blocks, attachments, and `},{"uuid":"` inside strings.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

PLACEHOLDER = "```\nThis block is not supported on your current device yet.\n```"
WORDS = [
    "stream",
    "buffer",
    "window",
    "graph",
    "vertex",
    "parser",
    "token",
    "ledger",
    "river",
    "archive",
    "copper",
    "lantern",
    "orbit",
    "maple",
    "harbour",
    "signal",
    "gradient",
    "index",
    "cluster",
    "shard",
    "compile",
    "render",
    "schema",
    "query",
    "matrix",
    "kernel",
    "thread",
    "socket",
    "packet",
    "cache",
    "branch",
    "merge",
    "поток",
    "буфер",
    "окно",
    "граф",
    "узел",
    "архив",
    "очередь",
    "сигнал",
    "модель",
    "запрос",
    "数据",
    "流水线",
    "缓冲区",
    "会话",
    "归档",
    "令牌",
    "メッセージ",
    "変換",
    "スレッド",
    "검색",
    "문서",
    "🚀",
    "🧪",
    "👩\u200d💻",
    "🌊",
    "naïve",
    "façade",
    "Übergröße",
]
SNIPPETS = (
    'def split(text):\n    return [part.strip("\\"\\t ") for part in text.split("\\\\n")]\n',
    'const pattern = /"(?:[^"\\\\]|\\\\.)*"/g;\nconsole.log(`C:\\\\Users\\\\${name}\\t"quoted"`);\n',
    'rows = [{"uuid":"a"},{"uuid":"b"},{"chat_messages":[]}]\nprint("},{\\"uuid\\":\\"")\n',
    "SELECT \"name\", '\\\\' FROM \"files\" WHERE path LIKE 'C:\\\\%' ESCAPE '\\\\';\n",
    'printf("%s\\n\\t\\"%d\\"\\r\\n", path, 42);\n',
)
STYLES = ("compact", "spaced", "indented", "ascii")


class _Maker:
    """Make conversations from one random number generator and a pool of sentences made once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        choice = self.random.choices
        self.sentences = [" ".join(choice(WORDS, k=self.random.randint(5, 24))) + ". " for _ in range(4000)]
        self.code = [
            "```python\n" + "".join(choice(SNIPPETS, k=self.random.randint(2, 10))) + "```" for _ in range(300)
        ]

    def uuid(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def prose(self, sentences: int) -> str:
        return "".join(self.random.choices(self.sentences, k=sentences))

    def text(self) -> str:
        parts = [self.prose(self.random.randint(1, 14))]
        while self.random.random() < 0.35:
            parts += [self.random.choice(self.code), self.prose(self.random.randint(1, 8))]
        return "\n\n".join(parts)

    def conversation(self) -> dict[str, Any]:
        clock = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randint(0, 80_000_000))
        messages: list[dict[str, Any]] = []
        parent, started = "00000000-0000-4000-8000-000000000000", clock
        # Few are long and most are short, as in real archives: 15 messages on average, 200 at most.
        for position in range(min(200, 2 + int(self.random.expovariate(1 / 13)))):
            clock += timedelta(seconds=self.random.randint(2, 900), microseconds=self.random.randint(0, 999_999))
            messages.append(self.message("assistant" if position % 2 else "human", parent, clock))
            parent = messages[-1]["uuid"]
        return {
            "uuid": self.uuid(),
            "name": "" if self.random.random() < 0.03 else self.prose(1)[:60].strip(),
            "summary": "",
            "created_at": _iso(started),
            "updated_at": _iso(clock),
            "account": {"uuid": "11111111-2222-4333-8444-555555555555"},
            "chat_messages": messages,
        }

    def message(self, sender: str, parent: str, clock: datetime) -> dict[str, Any]:
        when = _iso(clock)
        blocks = [self.text_block(when)] if sender == "human" else list(self.answer(when))
        human = sender == "human"
        return {
            "uuid": self.uuid(),
            "text": "\n\n".join(block["text"] if block["type"] == "text" else PLACEHOLDER for block in blocks),
            "content": blocks,
            "sender": sender,
            "created_at": when,
            "updated_at": when,
            "attachments": [self.attachment()] if human and self.random.random() < 0.04 else [],
            "files": [{"file_name": f"picture {self.random.randint(1, 9)}.png"}] if self.random.random() < 0.02 else [],
            "parent_message_uuid": parent,
        }

    def text_block(self, when: str) -> dict[str, Any]:
        return {"start_timestamp": when, "stop_timestamp": when, "type": "text", "text": self.text(), "citations": []}

    def attachment(self) -> dict[str, Any]:
        content = self.prose(self.random.randint(10, 120))
        return {"file_name": "notes.txt", "file_size": len(content), "file_type": "txt", "extracted_content": content}

    def answer(self, when: str) -> Iterator[dict[str, Any]]:
        dice = self.random.random()
        if dice < 0.35:
            yield {
                "type": "thinking",
                "thinking": self.prose(self.random.randint(2, 16)),
                "summaries": [],
                "cut_off": False,
            }
        if dice < 0.12:
            code = "".join(self.random.choices(SNIPPETS, k=4))
            yield {"type": "tool_use", "id": None, "name": "repl", "input": {"code": code}, "message": "repl"}
            result = [{"type": "text", "text": '{"rows":[{"uuid":"x"},{"uuid":"y"}]}', "uuid": self.uuid()}]
            yield {"type": "tool_result", "tool_use_id": None, "name": "repl", "content": result, "is_error": False}
        if 0.12 < dice < 0.18:
            content = "".join(self.random.choices(SNIPPETS, k=12))
            given = {"command": "create", "id": f"tool-{int(dice * 1e6)}", "title": "A tool", "content": content}
            given |= {"type": "application/vnd.ant.code", "language": "python", "version_uuid": self.uuid()}
            yield {"type": "tool_use", "id": None, "name": "artifacts", "input": given, "message": "Creating"}
            yield {"type": "tool_result", "name": "artifacts", "content": [{"type": "text", "text": "OK"}]}
        if 0.18 < dice < 0.2:
            yield {"type": "token_budget", "remaining": None}
        yield self.text_block(when)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _writer(style: str) -> tuple[Callable[[dict[str, Any]], bytes], bytes, bytes, bytes]:
    """Return how one conversation is written, and what stands before, between and after conversations."""
    if style == "compact":
        return orjson.dumps, b"[", b",", b"]"
    if style == "indented":
        return (
            lambda one: re.sub(rb"^", b"  ", orjson.dumps(one, option=orjson.OPT_INDENT_2), flags=re.M),
            b"[\n",
            b",\n",
            b"\n]\n",
        )
    import json

    if style == "spaced":
        return lambda one: json.dumps(one, ensure_ascii=False).encode(), b"[", b", ", b"]"
    return lambda one: json.dumps(one).encode(), b"[", b", ", b"]"


def export(size_bytes: int, seed: int = 42, style: str = "compact") -> Iterator[bytes]:
    """Yield the pieces of an export of about `size_bytes`; joined they are one JSON array."""
    maker = _Maker(seed)
    dump, before, between, after = _writer(style)
    yield before
    written = 0
    while written < size_bytes:
        piece = (between if written else b"") + dump(maker.conversation())
        written += len(piece)
        yield piece
    yield after


def size_in_bytes(text: str) -> int:
    """Return the number of bytes that `100MB`, `1GB` or `5000` means.

    >>> size_in_bytes("2kB")
    2000
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)[bB]?", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 5000, 20MB or 1GB")
    return int(float(found[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[found[2].lower()])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("size", type=size_in_bytes, help="about how large: 5000, 20MB, 1GB")
    parser.add_argument("file", help="where to write it; - for standard output")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--style", choices=STYLES, default="compact", help="how the JSON is laid out")
    given = parser.parse_args()
    if given.file == "-":
        sys.stdout.buffer.writelines(export(given.size, given.seed, given.style))
        return
    with Path(given.file).open("wb") as file:
        file.writelines(export(given.size, given.seed, given.style))


if __name__ == "__main__":
    main()
