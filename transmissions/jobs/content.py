"""What a log amounts to: its events added up, by the same code whether they come live or are read again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from transmissions.jobs.encoding import plain
from transmissions.jobs.job import END, UNREADABLE, Job, JobEvent

__all__ = ["Content", "Snapshot"]

_RECENT = 100


class Content:
    """The sum of a log's events.

    Event types that count, and their data:

    - `text` {text, part}: text that is added to a part of the answer, part 0 unless said;
    - `step` {id, …}: a run step, or what changed of it;
    - `counters` {…}: figures that take the place of earlier ones; `report` {stage, report}: likewise, for one stage;
    - `log`, `problem` {…}: the last hundred of each are kept; `message` {…}: counted;
    - `status`, `end`: the store's own.

    Others are skipped and counted.

    Attributes:
        counters: the last `counters` event's data.
        reports: by stage, what it last reported.
        messages: how many `message` events there were.
        log: data of the last hundred `log` events.
        problems: data of the last hundred `problem` events.
        end: data of the terminal event; None as long as there is none.
        skipped: events of unknown types, or that were not what their type asks for.
    """

    def __init__(self) -> None:
        self.counters: dict[str, Any] = {}
        self.reports: dict[str, Any] = {}
        self.messages = 0
        self.log: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self.problems: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self.end: dict[str, Any] | None = None
        self.skipped = 0
        self._texts: dict[int, list[str]] = {}
        self._steps: dict[str, dict[str, Any]] = {}

    def add(self, event: JobEvent) -> None:
        """Add one event; what is not understood is skipped and counted."""
        take = _TAKES.get(event.type)
        if event.type == UNREADABLE or take is None or not take(self, event.data):
            self.skipped += 1

    def parts(self) -> list[dict[str, Any]]:
        """Return the parts of the answer that there are, in order, `{"type": "text", "text": …}` each."""
        return [{"type": "text", "text": "".join(texts)} for _, texts in sorted(self._texts.items())]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(part["text"] for part in self.parts())

    def steps(self) -> list[dict[str, Any]]:
        """Return the run steps in the order in which they were first told of."""
        return [plain(step) for step in self._steps.values()]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "texts": {str(part): "".join(texts) for part, texts in self._texts.items()},
            "steps": self.steps(),
            "counters": plain(self.counters),
            "reports": plain(self.reports),
            "messages": self.messages,
            "log": plain(list(self.log)),
            "problems": plain(list(self.problems)),
            "end": plain(self.end),
            "skipped": self.skipped,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Content:
        """Return the sum that `as_json` told of."""
        content = cls()
        content._texts = {int(part): [text] for part, text in values["texts"].items()}
        content._steps = {step["id"]: step for step in values["steps"]}
        content.counters, content.reports = values["counters"], values["reports"]
        content.messages, content.skipped = values["messages"], values["skipped"]
        content.log.extend(values["log"])
        content.problems.extend(values["problems"])
        content.end = values["end"]
        return content

    # One for each type; False for data that are not what the type asks for

    def _take_text(self, data: dict[str, Any]) -> bool:
        text, part = data.get("text"), data.get("part", 0)
        if not isinstance(text, str) or type(part) is not int or part < 0:
            return False
        self._texts.setdefault(part, []).append(text)
        return True

    def _take_step(self, data: dict[str, Any]) -> bool:
        name = data.get("id")
        if not isinstance(name, str) or not name:
            return False
        self._steps[name] = {**self._steps.get(name, {}), **data}
        return True

    def _take_counters(self, data: dict[str, Any]) -> bool:
        self.counters = data
        return True

    def _take_report(self, data: dict[str, Any]) -> bool:
        stage, report = data.get("stage"), data.get("report")
        if not isinstance(stage, str) or not isinstance(report, dict):
            return False
        self.reports[stage] = report
        return True

    def _take_message(self, data: dict[str, Any]) -> bool:
        self.messages += 1
        return True

    def _take_log(self, data: dict[str, Any]) -> bool:
        self.log.append(data)
        return True

    def _take_problem(self, data: dict[str, Any]) -> bool:
        self.problems.append(data)
        return True

    def _take_end(self, data: dict[str, Any]) -> bool:
        self.end = data
        return True

    def _take_status(self, data: dict[str, Any]) -> bool:
        return True


_TAKES: dict[str, Callable[[Content, dict[str, Any]], bool]] = {
    "text": Content._take_text,
    "step": Content._take_step,
    "counters": Content._take_counters,
    "report": Content._take_report,
    "message": Content._take_message,
    "log": Content._take_log,
    "problem": Content._take_problem,
    "status": Content._take_status,
    END: Content._take_end,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job and what its log amounts to, up to an event; whoever goes on after that event misses and repeats nothing.

    Args:
        job: the job, when the snapshot was taken.
        seq: the number of the last event that it covers; -1 for none.
        content: the sum of the events; add those that follow to it, and it stays true.
        usage: by call, the usage that was recorded until now.
    """

    job: Job
    seq: int
    content: Content
    usage: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole text."""
        return self.content.text

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, for one who comes back."""
        sums = self.content.as_json()
        del sums["texts"]
        return {
            "job": self.job.as_json(),
            "seq": self.seq,
            "content": self.content.parts(),
            "text": self.text,
            **sums,
            "usage": self.usage,
        }
