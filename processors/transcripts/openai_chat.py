"""Read the stream of OpenAI's chat completions, and of the many servers that speak it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from processors.transcripts.message_events import MessageEvents
from processors.transcripts.reader import TranscriptReader, number, part
from transmissions.streams import Event

__all__ = ["OpenAIChatReader"]

_KNOWN = frozenset({"role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call"})


class OpenAIChatReader(TranscriptReader):
    """Reads objects of the kind `chat.completion.chunk`.

    Each choice is a message; that of choice 0 has the chunk's id, the others have `#` and their number behind it. Where
    there are several, every event says in the extra key `message_id` whose it is. The blocks of a message are counted
    here, as the provider does not: a text, thinking, a refusal, the use of a tool. Usage comes after the last piece of
    the text, so a message stops when the stream does.
    """

    _id: str = ""
    _unnamed: int = 0

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._choices: dict[int, MessageEvents] = {}
        self._usage: dict[str, Any] = {}
        self._failed = False

    def read(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the events of a chunk."""
        identity = value.get("id")
        if isinstance(identity, str) and identity:
            if self._id not in ("", identity):
                yield from self.end()
            self._id = identity
        choices = value.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                yield from self._choice(value, choice)
        self._usage = part(value, "usage") or self._usage

    def end(self) -> Iterator[Event]:
        """Yield the last events of all choices; the usage is that of the first, since it is not told apart."""
        choices, self._choices = self._choices, {}
        usage, self._usage = self._usage, {}
        failed, self._failed = self._failed, False
        self._id = ""
        for which, message in sorted(choices.items()):
            message.usage = usage if which == min(choices) else {}
            message.failed = failed
            yield from message.end()
        if usage and not choices:
            self._reports.warn("there are counts of tokens without a message; they are left out")

    def fail(self) -> None:
        """Take note of an error."""
        self._failed = True

    def _choice(self, chunk: dict[str, Any], choice: dict[str, Any]) -> Iterator[Event]:
        which = number(choice, "index", 0)
        message, delta = self._choices.get(which), part(choice, "delta")
        if message is None:
            message = self._begin(chunk, which, delta)
            yield from message.start()
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thinking, str) and thinking:
            yield from self._switch(message, "thinking")
            yield from message.thinking("thinking", thinking)
        for name, key in (("content", "text"), ("refusal", "refusal")):
            if delta.get(name):
                yield from self._switch(message, key)
                yield from message.text(key, delta[name])
        yield from self._tools(message, delta)
        for name in sorted(name for name, one in delta.items() if one and name not in _KNOWN):
            self.unknown(name)
        if choice.get("finish_reason"):
            message.stop_reason, message.stopped_by_provider = str(choice["finish_reason"]), True
            yield from message.close_all()

    def _begin(self, chunk: dict[str, Any], which: int, delta: dict[str, Any]) -> MessageEvents:
        if not self._id:
            self._unnamed += 1
            self._id = f"without-id-{self._unnamed}"
            self._reports.warn(f"a message without an id; it is called {self._id}")
        about = {"provider": "openai", "model": chunk.get("model") or None, "role": delta.get("role")}
        if which:
            about["choice"] = which
        message = self._message(f"{self._id}#{which}" if which else self._id, about, chunk.get("created"))
        self._choices[which] = message
        if len(self._choices) > 1:
            for one in self._choices.values():
                one.tag = {"message_id": one.message_id}
        return message

    def _switch(self, message: MessageEvents, key: str) -> Iterator[Event]:
        if not message.is_open(key):
            yield from message.close_all()
            yield from message.open(key, key)

    def _tools(self, message: MessageEvents, delta: dict[str, Any]) -> Iterator[Event]:
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                yield from self._tool(message, number(call, "index", 0), call.get("id"), part(call, "function"))
        if part(delta, "function_call"):
            yield from self._tool(message, -1, None, delta["function_call"])

    def _tool(self, message: MessageEvents, which: int, identity: Any, call: dict[str, Any]) -> Iterator[Event]:
        key = ("tool", which)
        if not message.is_open(key):
            # Tools may be called side by side.
            yield from message.close_all(but="tool_use")
            facts = {"id": identity, "name": call.get("name")}
            yield from message.open(key, "tool_use", {name: one for name, one in facts.items() if one is not None})
        message.add_input(key, call.get("arguments"))
