"""Processors that shape the flow itself: split messages, gather what was split, or do nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from processors.values import as_list, as_text, without
from transmissions import (
    MISSING,
    Mark,
    Message,
    Processor,
    SharedList,
    copy_message,
    delete_field,
    get_field,
    require_field,
    set_field,
    setting,
)

__all__ = ["NOP", "Accumulate", "DeadEnd", "ForEach", "Fork", "Halt", "Ping", "Unfork"]


class NOP(Processor):
    """Hand every message on as it came.

    A place to hang a buffer on, or to see in the report how much passes.

    Example:
        :stage a :NOP ;
            :buffer [ :maxMessages 100 ] ;
            :settings [ :test "ready" ] .
        with -v
        in {"title": "Letters"}
        logged info :stage ready
        out {"title": "Letters"}

    Guarantee: pure.
    """

    takes_done = True

    test: str = setting("", "a text to log when the run begins")

    def start(self) -> None:
        """Log the text."""
        if self.test:
            self.context.log("info", self.test, {})

    def process(self, message: Message) -> Message:
        """Return the message."""
        return message


class DeadEnd(Processor):
    """End every message here: nothing goes on.

    Example:
        :example a :EntryTransmission ; :pipe (:write :stage) .
        :write a :FileWriter ; :settings [ :destinationFile "letter.txt" ] .
        :stage a :DeadEnd .
        in {"content": "Dear reader"}
        written letter.txt "Dear reader"

    Guarantee: pure.
    """

    takes_done = True

    def process(self, message: Message) -> None:
        """Log which way the message came."""
        self.context.log("debug", f"dead end of {message.get('tags', 'a message')}", {})


class Halt(Processor):
    """End the run at the first message: nothing more is taken in, and what is on its way is dropped.

    It is there to try the first stages of a pipeline without those behind. The run is no failed one: `trans run` ends
    with exit code 0.

    Example:
        :example a :EntryTransmission ; :pipe (:show :stage :write) .
        :show a :ShowMessage .
        :stage a :Halt .
        :write a :FileWriter ; :settings [ :destinationFile "letter.txt" ] .
        in {"content": "Dear reader"}
        logged :show {"content": "Dear reader"}
        logged :stage halted by :stage

    Guarantee: pure; what other stages had written stays.
    """

    takes_done = True

    def process(self, message: Message) -> None:
        """End the run."""
        self.context.log("notice", f"halted by :{self.context.stage}", {})
        self.context.halt(f"halted by :{self.context.stage}")


class ForEach(Processor):
    """Send one message for each item of a list, then the message itself as the mark that ends the group.

    Each part is a message of its own: a copy of the whole without the list, and with the item and its number. The list
    itself is left out unless `:keep` asks for it; then all parts share one copy of it, so that the work does not grow
    with the square of its length.

    Example:
        :stage a :ForEach .
        in {"title": "Letters", "items": ["a", "b"]}
        out {"title": "Letters", "currentItem": "a", "eachCounter": 0}
        out {"title": "Letters", "currentItem": "b", "eachCounter": 1}
        out {"title": "Letters", "done": true}

    Guarantee: pure.
    """

    splits = True
    takes_done = True

    for_each: str = setting("items", "field that holds the list, as a dotted path", reads=True, application="forEach")
    item_field: str = setting("currentItem", "field that each part holds its item in", writes=True, fixed=True)
    counter_field: str = setting(
        "eachCounter", "field that each part holds the number of its item in, from 0", writes=True, fixed=True
    )
    limit: int | None = setting(None, "send at most this many parts of a list", minimum=0)
    remove: str = setting("", "field to leave out of the parts and the mark; with any value, the list is left out")
    keep: bool = setting(False, "whether the parts and the mark hold the list", application=True, fixed=True)
    delay: float = setting(0, "milliseconds to wait before each part but the first", minimum=0)

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the parts, then the mark."""
        items = self._items(message)
        rest = without(message, self.for_each)
        if self.remove:
            delete_field(rest, self.remove)
        elif self.keep:
            rest = copy_message(rest)
            set_field(rest, self.for_each, SharedList(items))
        in_application = self.context.application is not None
        for number, item in enumerate(items if self.limit is None else items[: self.limit]):
            if number and self.delay:
                _wait(self, self.delay)
            part = copy_message(rest)
            part[self.item_field] = copy_message({"item": item})["item"] if self.keep else item
            part[self.counter_field] = number
            if in_application:
                part["done"] = False
            yield part
        yield self.mark(rest)

    def _items(self, message: Message) -> list[Any]:
        items = require_field(message, self.for_each, ":forEach names the field that holds the list")
        found = as_list(items)
        if found is None:
            raise ValueError(f"the field {self.for_each} holds no list but {type(items).__name__}")
        return found


def _wait(processor: Processor, milliseconds: float) -> None:
    """Wait, but not on once the run takes nothing more in."""
    until = time.monotonic() + milliseconds / 1000
    while (left := until - time.monotonic()) > 0 and not processor.context.stopping():
        time.sleep(min(left, 0.1))


class Fork(Processor):
    """Send a message several times, each with its number in `forkN`, then the message itself as the mark of the group.

    The copies go the same way, one after the other; name a stage in several pipes to have several ways.

    Example:
        :stage a :Fork ; :settings [ :forks 2 ] .
        in {"title": "Letters"}
        out {"title": "Letters", "forkN": 0}
        out {"title": "Letters", "forkN": 1}
        out {"title": "Letters", "done": true}

    Guarantee: pure.
    """

    splits = True
    takes_done = True
    writes = ("forkN",)

    forks: int = setting(2, "how many copies to send", minimum=0)

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the copies, then the mark."""
        for number in range(self.forks):
            yield {**copy_message(message), "forkN": number}
        yield self.mark(message)


class Unfork(Processor):
    """End the parts of each group here, and let only the message that was split go on, as an ordinary one.

    Without a stage before it that splits, nothing goes on, and a warning says so.

    Example:
        :example a :EntryTransmission ; :pipe (:each :write :stage) .
        :each a :ForEach .
        :write a :FileWriter ; :settings [ :contentField "currentItem" ; :destinationFile "letter.txt" ] .
        :stage a :Unfork .
        in {"title": "Letters", "items": ["Dear reader"]}
        out {"title": "Letters"}
        written letter.txt "Dear reader"

    Guarantee: pure.
    """

    def start(self) -> None:
        """Warn if there are no groups."""
        if self.context.closes is None and self.context.application is None:
            self.warn("no stage before it splits messages, so nothing goes on; put one there, such as ForEach")

    def process(self, message: Message) -> None:
        """Let nothing on; what the parts hold is gathered by a stage before, or is gone."""

    def end_group(self, mark: Mark) -> Message:
        """Return the message that was split."""
        whole = {key: value for key, value in mark.items() if key != "done"}
        if self.context.application is not None:
            whole["done"] = False
        return whole


class Accumulate(Processor):
    """Gather a field of the parts of each group, and put what was gathered into the message that was split.

    The parts pass by; with `:parts false` they end here, and only the whole goes on, as an ordinary message. Without a
    stage before it that splits, it gathers over the whole run and sends one message at its end.

    Example:
        :example a :EntryTransmission ; :pipe (:each :umlauts :stage) .
        :each a :ForEach ; :settings [ :forEach "towns" ] .
        :umlauts a :StringReplace ; :settings [ :inputField "currentItem" ; :match "ae" ; :replace "ä" ] .
        :stage a :Accumulate ; :settings [ :targetField "towns" ; :parts false ] .
        in {"towns": ["Baerau", "Chur"]}
        out {"towns": ["Bärau", "Chur"]}

    Guarantee: pure; holds what it gathers of one group in memory.
    """

    stateful = True

    source_field: str = setting("currentItem", "field to gather, as a dotted path", reads=True)
    target_field: str = setting("accumulate", "field that receives what was gathered, as a dotted path", writes=True)
    accumulator_type: Literal["array", "object", "string"] = setting(
        "array", 'gather into a list ("array", "object"), or one text after the other ("string")', application="string"
    )
    label: str = setting("test", "what is gathered, for people; it has no effect")
    separator: str = setting("", "what stands between two texts", fixed=True)
    parts: bool = setting(True, "whether the parts go on as well", fixed=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._gathered: list[Any] = []

    @classmethod
    def ends_group(cls, settings: Mapping[str, Any]) -> bool:
        """Only without its parts is a group over: as long as they go on, their mark has to follow them."""
        return settings.get("parts") is False

    def process(self, message: Message) -> Message | None:
        """Gather the field, and hand the part on or not."""
        value = get_field(message, self.source_field)
        if value is not MISSING:
            # A stage behind may change the part, and must not change what was gathered of it.
            self._gathered.append(copy_message({"value": value})["value"] if self.parts else value)
        return message if self.parts else None

    def end_group(self, mark: Mark) -> Message:
        """Return the whole with what was gathered of its parts."""
        whole: Message = mark
        if not self.parts:
            whole = {key: value for key, value in mark.items() if key != "done"}
        set_field(whole, self.target_field, self._take())
        return whole

    def finish(self) -> Iterator[Message]:
        """Yield what no group has claimed."""
        # In an application nothing goes on that no group has claimed.
        if self._gathered and self.context.application is None:
            message: Message = {}
            set_field(message, self.target_field, self._take())
            yield message

    def _take(self) -> Any:
        gathered, self._gathered = self._gathered, []
        if self.accumulator_type == "string":
            return self.separator.join(map(as_text, gathered))
        return gathered


class Ping(Processor):
    """Send copies of a message at intervals, each with `ping`, then the message with `pingComplete`.

    `ping` holds the number of the copy, from 1, and the time. A message whose `kill` is the kill signal sends none.

    Example:
        :stage a :Ping ; :settings [ :interval 10 ; :count 2 ; :payload "still here" ] .
        in {"job": 7}
        out {"job": 7, "ping": {"count": 1, "payload": "still here", "timestamp": "…Z"}, "pingStatus": "running"}
        out {"job": 7, "ping": {"count": 2, "payload": "still here", "timestamp": "…Z"}, "pingStatus": "running"}
        out {"job": 7, "pingComplete": true, "pingStatus": "complete"}

    Guarantee: at least once.
    """

    takes_done = True
    writes = ("ping", "pingComplete", "pingStatus")

    interval: float = setting(5000, "milliseconds between two of them", minimum=0)
    count: int = setting(1, "how many to send", minimum=0)
    payload: str = setting("ping", "a text that each carries")
    kill_signal: str = setting("STOP", "the value of `kill` that stops it")

    def process(self, message: Message) -> Iterator[Message]:
        """Yield the copies, then the message."""
        stopped = message.get("kill") == self.kill_signal
        sent = 0
        while sent < self.count and not stopped:
            if sent:
                _wait(self, self.interval)
                stopped = self.context.stopping()
                if stopped:
                    break
            sent += 1
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            ping = {"count": sent, "payload": self.payload, "timestamp": now}
            yield {**copy_message(message), "ping": ping, "pingStatus": "running"}
        yield {**message, "pingComplete": True, "pingStatus": "stopped" if stopped else "complete"}
