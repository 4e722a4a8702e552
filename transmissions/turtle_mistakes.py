"""Say in plain words what is wrong with text that is not valid Turtle, from rdflib's terse reason and its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Mistake", "Span", "State", "explain", "skip_space"]

Span = tuple[int, int]
"""A stretch of the text: first character, and the one after the last."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_TOKEN = re.compile(r"""<[^>\s]*>|[\w.-]*:[\w./-]*[\w/]|[\w.-]*:|[\w-]+|"[^"\n]*"?|.""")
_BARE_WORD = re.compile(r"[A-Za-z_][\w-]*(?![\w:-])")
_NAME = re.compile(r"<[^>\s]*>|[\w.-]*:(?:[\w./-]*[\w/])?|\[\s*\]")
_PIECE = re.compile(r"""<[^>\s]*>|"(?:[^"\\\n]|\\.)*"|#[^\n]*|\S""")
_NOT_TURTLE = "not valid Turtle"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something in a text that is not valid Turtle.

    Args:
        offset: where, in characters from the start of the text.
        length: how many characters it is about.
        message: what is wrong.
        hint: what would be right.
        code: a short fixed name of its kind.
    """

    offset: int
    length: int
    message: str
    hint: str = ""
    code: str = "syntax"


@dataclass(frozen=True, slots=True)
class State:
    """How far a parser had come when it stopped.

    Args:
        text: what it reads.
        at: where the last term that it began stands.
        statement: where the last statement begins.
        brackets: where the brackets that are still open stand.
        verb: the span of the last property.
    """

    text: str
    at: int
    statement: int
    brackets: tuple[int, ...]
    verb: Span

    def line(self, offset: int) -> int:
        """Return the number of the line that an offset is in, from 1."""
        return len(_LINE_END.findall(self.text, 0, offset)) + 1

    def column(self, offset: int) -> int:
        """Return how many characters stand before an offset on its line."""
        return offset - max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) - 1


def skip_space(text: str, offset: int) -> int:
    """Return where the next token begins, behind spaces, line ends and comments."""
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def explain(state: State, offset: int, why: str) -> Mistake:
    """Return the mistake at an offset.

    Args:
        state: how far the parser had come.
        offset: where it stopped; negative for the end of the text.
        why: rdflib's reason.
    """
    at = skip_space(state.text, offset) if offset >= 0 else len(state.text)
    finished = at < len(state.text)
    if (foreign := _foreign(state.text)) is not None:
        return Mistake(at if finished else 0, 1, _NOT_TURTLE, foreign)
    if re.search("newline found in string|unterminated string|Quote expected", why):
        hint = 'this text has no end on its line; close it with the same quote, or write """ … """ for several lines'
        return Mistake(state.at, 1, _NOT_TURTLE, hint)
    if not finished:
        return _unfinished(state)
    if (run_on := _run_on(state, at)) is not None:
        return run_on
    found = _TOKEN.match(state.text, at)
    length = len(found.group()) if found else 1
    hint = next((hint(state, at) for pattern, hint in _HINTS if re.search(pattern, why)), _statement(state, at))
    return Mistake(at, length, _NOT_TURTLE, hint)


def _run_on(state: State, at: int) -> Mistake | None:
    """Return the mistake of a ';' or ',' that stands where a '.' should, so that the next statement belongs to it."""
    starts = [] if state.brackets else list(_starts_behind_separators(state, at))
    if not starts:
        return None
    start, separator = starts[-1]
    if not _begins_statement(state.text, start, at, separator, others=len(starts) > 1):
        return None
    found = _TOKEN.match(state.text, start)
    hint = f"the statement from line {state.line(state.statement)} ends in '{separator}', so this belongs to it"
    return Mistake(start, len(found.group()) if found else 1, _NOT_TURTLE, f"{hint}; end it with '.'")


def _starts_behind_separators(state: State, end: int) -> Iterator[tuple[int, str]]:
    """Yield where a line begins no further right than the statement, and the ';' or ',' in front of it."""
    last, before = "", state.statement
    furthest = state.column(state.statement)
    for piece in _PIECE.finditer(state.text, state.statement):
        start = piece.start()
        if start > end:
            return
        # What stands on the line in front of it; two parts at least if it is the first there.
        lines = _LINE_END.split(state.text[before:start])
        before = piece.end()
        if piece.group().startswith("#"):
            continue
        if last in {";", ","} and len(lines) > 1 and len(lines[-1]) <= furthest:
            yield start, last
        last = piece.group()


def _begins_statement(text: str, start: int, at: int, separator: str, *, others: bool) -> bool:
    """Say whether what begins at `start` is meant for a statement, by where in it the parser stopped.

    Args:
        text: the text.
        start: where it begins.
        at: where the parser stopped.
        separator: what stands in front of it, ';' or ','.
        others: whether other properties of the statement before it begin as far left as this does.
    """
    if start == at:
        return separator == ";" and re.match(r"@prefix\b|@base\b|(?i:prefix|base)\s|\[", text[at:]) is not None
    if not (subject := _NAME.match(text, start)):
        return False
    second = skip_space(text, subject.end())
    if second == at and re.match(r"a\s", text[at : at + 2]):
        # The word `a` is no value, so what is in front of it is no property.
        return True
    verb = _NAME.match(text, second)
    if others or verb is None:
        return False
    third = skip_space(text, verb.end())
    # Behind ';' a name too many shows with the value, behind ',' with the property.
    return at == (third if separator == ";" else second) and text[third : third + 1] not in set(".;,])") | {""}


def _statement(state: State, at: int) -> str:
    if word := _BARE_WORD.match(state.text, at):
        return f'a name has a prefix and a text has quotes: did you mean :{word.group()} or "{word.group()}"?'
    if state.text[at] in "])":
        return f"nothing that this '{state.text[at]}' could close is open"
    return "expected a statement: a name, a property and a value, ended by '.'"


def _end(state: State, at: int) -> str:
    text, start = state.text, state.statement
    if word := _BARE_WORD.match(text, at):
        if text[:at].rstrip().endswith(";"):
            return f"a name has a prefix: did you mean :{word.group()}?"
        return _statement(state, at)
    first_on_line = not text[at - state.column(at) : at].strip()
    if text[at] in "])":
        return f"nothing that this '{text[at]}' could close is open"
    if first_on_line and state.column(at) <= state.column(start):
        return f"expected '.' before this; the statement above it, from line {state.line(start)}, has no end"
    if first_on_line or re.match(r"a\s|[\w-]*:[\w-]+\s+\S", text[at:]):
        return f"expected ';' before this, or '.' to end the statement from line {state.line(start)}"
    return "expected ',' before another value, ';' before another property, or '.'"


def _value(state: State, at: int) -> str:
    if _BARE_WORD.match(state.text, at):
        return _statement(state, at)
    return f"expected a value after {state.text[slice(*state.verb)]}, before this"


def _bracket(state: State, at: int) -> str:
    if _BARE_WORD.match(state.text, at):
        return _statement(state, at)
    start = state.brackets[-1] if state.brackets else state.statement
    if state.text[start] == "(":
        return f"expected ')' before this; the list from line {state.line(start)} has no end"
    if state.text[at] in ".)":
        return f"expected ']' before this; the '[' from line {state.line(start)} has no end"
    return f"expected ';' before this, or ']' to close the '[' from line {state.line(start)}"


def _always(hint: str) -> Callable[[State, int], str]:
    return lambda state, at: hint


_HINTS: tuple[tuple[str, Callable[[State, int], str]], ...] = (
    ("nested too deeply", _always("brackets are nested too deeply here")),
    ("objectList expected", _value),
    (r"item in list|'\]' expected|property_list expected", _bracket),
    ("at end of statement|expected '.'", _end),
    ("expected a property|propertylist", _always("expected a property here, such as `a` or :settings")),
    ("escape|end with", _always("a backslash begins an escape; write \\\\ for a backslash itself")),
    ("literal cannot be described", _always("a literal has no properties; a statement begins with a name")),
    ("address cannot hold|unterminated URI|relative U",
     _always("this address has no end, or holds a character it cannot hold")),
    ("this type is not read", _always("texts of this type are not read")),
    ("limit .* for integer", _always("this number has too many digits")),
)  # fmt: skip


def _unfinished(state: State) -> Mistake:
    end = _end_of_last_token(state.text)
    if not end:
        return Mistake(0, 1, _NOT_TURTLE, "there is nothing in this file")
    what, missing, start = "statement", "'.'", state.statement
    if state.brackets:
        start = state.brackets[-1]
        what, missing = ("'['", "']'") if state.text[start] == "[" else ("'('", "')'")
    hint = f"expected {missing} after this; the {what} from line {state.line(start)} has no end"
    return Mistake(end - 1, 1, _NOT_TURTLE, hint)


def _end_of_last_token(text: str) -> int:
    # A comment at the end of a file is no place to miss something in.
    end = 0
    for found in _PIECE.finditer(text):
        if not found.group().startswith("#"):
            end = found.end()
    return end


def _foreign(text: str) -> str | None:
    """Return a hint for a text that is another language altogether."""
    start = text.lstrip()[:200].lower()
    if start.startswith(("{", "[", '"')):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return None
        return "this file is JSON; a pipeline is written in Turtle"
    if start.startswith(("<?xml", "<!doctype", "<html", "<rdf:rdf")):
        return "this file is XML or HTML; a pipeline is written in Turtle"
    return None
