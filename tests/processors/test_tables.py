"""Tables and lists, line by line: what they become, what is wrong with them, and how much of them is in memory."""

from __future__ import annotations

import csv
import io
import itertools
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.filters import FieldFilter
from processors.tables import CSVReader, JSONLinesReader
from transmissions import Mark, Processor, TransmissionsError

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def rows(stage: Processor) -> list[Any]:
    """Return the rows that a reader sends, and see that a mark follows them."""
    stage.start()
    *parts, mark = stage.process({"kept": 1})  # type: ignore[misc]
    assert isinstance(mark, Mark)
    assert [part["eachCounter"] for part in parts] == list(range(len(parts)))
    assert all(part["kept"] == 1 for part in [*parts, mark])
    return [part["currentItem"] for part in parts]


@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.tuples(TEXTS, TEXTS), max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_what_a_csv_writer_wrote_is_read(
    table: list[tuple[str, str]], delimiter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Quotes, line ends and delimiters in values come back as they were."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *table])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_bytes(text.getvalue().encode())
    assert rows(CSVReader(source_file=path, delimiter=delimiter)) == [{"a": one, "b": other} for one, other in table]


def test_columns_encodings_and_limits(tmp_path: Path) -> None:
    """Names may be given, a byte order mark is no part of the first, other encodings are read, and rows are limited."""
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffname\nä\nb\n".encode())
    assert rows(CSVReader(source_file=path, limit=1)) == [{"name": "ä"}]
    path.write_bytes("ä;1\r\n".encode("latin-1"))
    stage = CSVReader(source_file=path, encoding="latin-1", columns=["x", "y"], delimiter=";")
    assert rows(stage) == [{"x": "ä", "y": "1"}]
    assert (stage.bytes_done, stage.bytes_total) == (5, 5)


def test_rows_of_another_length_are_lost_and_told(tmp_path: Path) -> None:
    """A row with too many or too few values is left out, with its line; an empty line is no row."""
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,2\n\n3\n"4\n4",5,6\n7,8\n')
    stage = CSVReader(source_file=path)
    assert rows(stage) == [{"a": "1", "b": "2"}, {"a": "7", "b": "8"}]
    assert [(one["severity"], one["line"]) for one in stage.problems] == [("error", 4), ("error", 5)]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a,a\n", {}, "two columns are called 'a'"),
        ('a\n"b" c\n', {}, r"t\.csv:2: not valid CSV"),
        ('a\n"' + "b\n" * 100, {"max_row_bytes": 50}, "is a quote left open"),
        ("a\n" + "b" * 100, {"max_row_bytes": 50}, "more than 50 bytes; see :maxRowBytes"),
        ("a\n", {"delimiter": ";;"}, "check :delimiter"),
        ("a\n", {"encoding": "utf-99"}, "check :delimiter and :encoding"),
        ("a\n", {"encoding": "utf-16-le"}, "cannot be read line by line"),
        ("a\n\xff\n", {"encoding": "ascii"}, r"t\.csv:2: not ascii; set :encoding"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, text: str, options: dict[str, Any], said: str) -> None:
    """What cannot be read as a table is an error with its place, and nothing longer than the bound is read."""
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TransmissionsError, match=said):
        rows(CSVReader(source_file=path, **options))


def test_lines_of_json(tmp_path: Path) -> None:
    """Each line is a value of any kind; what is not JSON is left out and told, empty lines are nothing."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n\n[2]\nnot json\n"x"')
    stage = JSONLinesReader(source_file=path)
    assert rows(stage) == [{"a": 1}, [2], "x"]
    assert [(one["severity"], one["line"]) for one in stage.problems] == [("error", 4)]
    with pytest.raises(TransmissionsError, match="no file is named"):
        rows(JSONLinesReader())
    with pytest.raises(TransmissionsError, match="no such file"):
        rows(JSONLinesReader(source_file=tmp_path / "gone"))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, kind: str) -> None:
    """Of fifty thousand rows only a few are in memory at any moment."""
    path = tmp_path / "t"
    row = b"a" * 50
    with path.open("wb") as file:
        for number in itertools.chain(range(50_000)):
            file.write(b"%d,%s\n" % (number, row) if kind == "csv" else orjson.dumps([number, row.decode()]) + b"\n")
    stage: Processor = (
        CSVReader(source_file=path, columns=["n", "a"]) if kind == "csv" else JSONLinesReader(source_file=path)
    )
    stage.start()
    tracemalloc.start()
    count = sum(1 for _ in stage.process({}))  # type: ignore[union-attr, arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_001
    assert peak < 500_000


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("equals", "2", [2]),
        ("greater", 1, [2, 3, "xy"]),
        ("less", 2, [1]),
        ("contains", "x", ["xy"]),
        ("exists", "", [1, 2, 3, "xy"]),
    ],
)
def test_a_filter_and_its_negation_part_all_messages(operator: Any, value: Any, expected: list[Any]) -> None:
    """Every message passes either the filter or its negation, never both."""
    messages = [{"n": one} for one in (1, 2, 3, "xy")] + [{}]
    options = {"test_property": "n", "test_operator": operator, "test_value": value}
    passed = [one for one in messages if FieldFilter(**options).process(dict(one))]
    rest = [one for one in messages if FieldFilter(**options, negate=True).process(dict(one)) is not None]
    assert [one["n"] for one in passed] == expected
    assert len(passed) + len(rest) == len(messages)
    assert not [one for one in passed if one in rest]


def test_an_empty_file_is_told_of(tmp_path: Path) -> None:
    """A file with nothing in it, not even names of columns, gives no row and a warning."""
    path = tmp_path / "t.csv"
    path.touch()
    stage = CSVReader(source_file=path)
    assert rows(stage) == []
    assert [(one["severity"], "the file is empty" in one["text"]) for one in stage.problems] == [("warning", True)]
