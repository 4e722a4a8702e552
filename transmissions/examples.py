"""The example that a processor's docstring gives: a pipeline, what goes into it, and what comes out.

    Example:
        :stage a :Reverse ; :settings [ :sourceField "title" ; :targetField "title" ] .
        in {"title": "abc"}
        out {"title": "cba"}

Turtle comes first; without a `:pipe` in it, the pipeline is `:stage` alone. Then, each line beginning with its
word: `application NAME` says that the Turtle is the `transmissions.ttl` of an application's folder, `with OPTIONS`
are options of `trans run` that it needs, `file NAME "text"` is a file that is there before, `in {…}` a message that
goes in, `out {…}` one that comes out, in order, `logged TEXT` a line on standard error, and `written NAME "text"` a
file that is there afterwards; in those three, `…` inside a text stands for whatever is there. A file's text may
come in several; JSON values instead stand one a line. `gone NAME` is a file that is there no more. A line that is
indented further goes on with the one above it. The reference page shows it, and a test runs it.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import Any

from transmissions.processor import Processor

__all__ = ["Example", "example_of", "matches", "without_example"]

_NAMESPACE = "http://purl.org/stuff/transmissions/"
_SECTION = re.compile(r"^Example:\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_WORDS = ("in", "out", "file", "written", "with", "logged", "application", "gone")
_LINE = re.compile(rf"^({'|'.join(_WORDS)}) +(.*)", re.DOTALL)
_NAMED = re.compile(r"(\S+) +(.*)", re.DOTALL)
_ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Example:
    """A run of a small pipeline.

    Args:
        turtle: the pipeline, whole.
        files: texts of files that are there before, by path.
        messages: what goes in.
        gives: what comes out, in order; `…` in a text stands for anything.
        written: texts of files that are there afterwards, by path, likewise.
        options: options of `trans run` that it needs, such as `--allow-program sort`.
        logged: what stands on standard error, line by line, likewise.
        gone: files that are there no more afterwards.
        application: the name of the application's folder that holds the pipeline; "" for a file, `example.ttl`.
    """

    turtle: str
    files: dict[str, str]
    messages: tuple[dict[str, Any], ...]
    gives: tuple[dict[str, Any], ...]
    written: dict[str, str]
    options: str = ""
    logged: tuple[str, ...] = ()
    application: str = ""
    gone: tuple[str, ...] = ()

    @property
    def pipeline(self) -> str:
        """The path of the file that holds the pipeline."""
        return f"{self.application}/transmissions.ttl" if self.application else "example.ttl"

    def as_markdown(self) -> str:
        """Return it as a pipeline, the command that runs it, and what that prints."""
        parts = [f"`{self.pipeline}` holds"] if self.application else []
        parts.append(f"```turtle\n{self.turtle}```")
        parts += [f"`{name}` holds\n\n{_fenced(text)}" for name, text in self.files.items()]
        parts.append(f"```console\n{self.as_session()}```")
        parts += [f"and `{name}` then holds\n\n{_fenced(text)}" for name, text in self.written.items()]
        parts += [f"and `{name}` is gone" for name in self.gone]
        return "\n\n".join(parts)

    def as_session(self) -> str:
        """Return the command that runs it, and what that prints."""
        lines = [json.dumps(one, ensure_ascii=False) for one in self.messages]
        run = f"$ trans run {self.application or self.pipeline}" + (f" {self.options}" if self.options else "")
        if len(lines) > 1:
            command = [f"{run} -m - --messages - <<'END'", *lines, "END"]
        else:
            given = f" -m {shlex.quote(lines[0])}" if lines and lines[0] != "{}" else ""
            command = [f"{run}{given} --messages -"]
        return "\n".join([*command, *self.logged, *(json.dumps(one, ensure_ascii=False) for one in self.gives)]) + "\n"


def example_of(processor: type[Processor]) -> Example | None:
    """Return the example in a processor's docstring; None if it has none.

    Raises:
        ValueError: a line of it cannot be read; the text says which.
    """
    found = _SECTION.search(_docstring(processor))
    if found is None:
        return None
    turtle: list[str] = []
    rows: dict[str, list[Any]] = {word: [] for word in _WORDS}
    for line in _joined(textwrap.dedent(found.group(1)).strip("\n")):
        parts = _LINE.match(line)
        if parts is None:
            turtle.append(line)
            continue
        try:
            rows[parts.group(1)].append(_value(parts.group(1), parts.group(2)))
        except ValueError as error:
            raise ValueError(f"the example of {processor.__name__}: {line}: {error}") from None
    return Example(
        _pipeline("\n".join(turtle).rstrip()),
        dict(rows["file"]),
        tuple(rows["in"]),
        tuple(rows["out"]),
        dict(rows["written"]),
        " ".join(rows["with"]),
        tuple(rows["logged"]),
        "".join(rows["application"]),
        tuple(rows["gone"]),
    )


def without_example(docstring: str) -> str:
    """Return a docstring without its example."""
    return _SECTION.sub("", docstring + "\n").strip()


def matches(got: Any, shown: Any) -> bool:
    """Say whether a value is what an example shows; `…` in a text stands for anything.

    >>> matches({"id": "urn:5", "n": [1]}, {"id": "urn:…", "n": [1]})
    True
    >>> matches({"id": "urn:5"}, {})
    False
    """
    if isinstance(shown, dict):
        return (
            isinstance(got, dict) and got.keys() == shown.keys() and all(matches(got[k], v) for k, v in shown.items())
        )
    if isinstance(shown, list):
        return isinstance(got, list) and len(got) == len(shown) and all(map(matches, got, shown))
    if isinstance(shown, str) and _ANYTHING in shown:
        return isinstance(got, str) and bool(
            re.fullmatch(".*".join(map(re.escape, shown.split(_ANYTHING))), got, re.DOTALL)
        )
    return bool(got == shown) and type(got) is type(shown)


def _docstring(processor: type[Processor]) -> str:
    # What a class inherits says nothing of itself.
    return inspect.cleandoc(processor.__doc__ or "") + "\n"


def _joined(text: str) -> list[str]:
    """Return its lines, those of Turtle as they are, the others with what goes on below them."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")) and lines and _LINE.match(lines[-1]):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def _value(word: str, text: str) -> Any:
    if word in ("in", "out"):
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("a message is a JSON object")
        return value
    if word in ("with", "logged", "application", "gone"):
        return text.strip()
    named = _NAMED.fullmatch(text)
    if named is None:
        raise ValueError("a file is written as NAME and its text")
    return named.group(1), _content(named.group(2))


def _content(text: str) -> str:
    """Return what a file holds: texts one behind another, or a JSON value, or several, one a line."""
    values, place, decoder = [], 0, json.JSONDecoder()
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        values.append(value)
        place += len(text[place:]) - len(text[place:].lstrip())
    if all(isinstance(value, str) for value in values):
        return "".join(values)
    lines = [json.dumps(value, ensure_ascii=False) for value in values]
    return "".join(f"{line}\n" for line in lines) if len(lines) > 1 else lines[0]


def _pipeline(turtle: str) -> str:
    head = f"@prefix : <{_NAMESPACE}> .\n\n"
    if ":pipe" not in turtle:
        head += ":example a :EntryTransmission ;\n    :pipe (:stage) .\n\n"
    return f"{head}{turtle}\n"


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
