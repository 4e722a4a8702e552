"""Read tables and lists that are written line by line, one message a row, however long they are."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

from transmissions import Message, Processor, TransmissionsError, copy_message, reason_of, set_field, setting

__all__ = ["CSVReader", "JSONLinesReader", "TableReader"]


class _LineReader(Processor):
    """Opens a file and reads it line by line, no line longer than a bound; what its readers have in common."""

    splits = True

    source_file: Path | None = setting(
        None, 'file to read, or "-" for standard input; without it, the message\'s `filepath`', volatile=True
    )
    item_field: str = setting("currentItem", "field that receives the row", writes=True, fixed=True)
    counter_field: str = setting("eachCounter", "field that receives its number, from 0", writes=True, fixed=True)
    line_field: str = setting("", "field that receives the line that it begins in, from 1; none if empty", fixed=True)
    limit: int | None = setting(None, "send at most this many rows", minimum=0, fixed=True)
    max_row_bytes: int = setting(16_777_216, "the most bytes that one row may have", minimum=1, fixed=True)

    @classmethod
    def fields_read(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return `filepath`, unless a file is set."""
        return set() if settings.get("source_file") else {"filepath"}

    @classmethod
    def fields_written(cls, settings: Mapping[str, Any]) -> set[str]:
        """Return the fields of the row, its number and its line."""
        line = {str(settings["line_field"]).split(".")[0]} if settings.get("line_field") else set()
        return super().fields_written(settings) | line

    def process(self, message: Message) -> Iterator[Message]:
        """Yield a message for each row, then the mark."""
        named = self.source_file or message.get("filepath")
        if not isinstance(named, str | Path) or not str(named):
            raise TransmissionsError("no file is named: set :sourceFile, or let an earlier stage set `filepath`")
        count = 0
        with self._opened(named) as (file, place):
            for line, row in self._rows(file, place):
                if self.limit is not None and count >= self.limit:
                    break
                part = copy_message(message)
                set_field(part, self.item_field, row)
                set_field(part, self.counter_field, count)
                if self.line_field:
                    set_field(part, self.line_field, line)
                yield part
                count += 1
        yield self.mark(message)

    def _rows(self, file: BinaryIO, place: str) -> Iterator[tuple[int, Any]]:
        raise NotImplementedError

    @contextmanager
    def _opened(self, named: str | Path) -> Iterator[tuple[BinaryIO, str]]:
        if str(named) == "-":
            yield sys.stdin.buffer, "standard input"
            return
        path = self.context.find(named)
        try:
            file = path.open("rb")
        except OSError as error:
            raise TransmissionsError(f"{path}: cannot be read: {reason_of(error)}") from None
        self.context.output.note_input(path)
        with file:
            self.bytes_total = (self.bytes_total or 0) + path.stat().st_size
            yield file, str(path)

    def _lines(self, file: BinaryIO, place: str) -> Iterator[bytes]:
        number = 0
        while line := file.readline(self.max_row_bytes + 1):
            number += 1
            if len(line) > self.max_row_bytes:
                raise TransmissionsError(f"{place}:{number}: more than {self.max_row_bytes} bytes; see :maxRowBytes")
            self.bytes_done += len(line)
            yield line

    def _values(self, file: BinaryIO, place: str) -> Iterator[tuple[int, Any]]:
        """Yield line and value of each line of JSON."""
        for number, line in enumerate(self._lines(file, place), 1):
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
            except ValueError as error:
                self.lose(f"{place}:{number}: not JSON, and left out: {error}", line=number)
                continue
            yield number, value


class CSVReader(_LineReader):
    r"""Read a CSV file: a message for each row, an object with the columns' names, then the mark that ends the group.

    The first row names the columns, unless `:columns` does. Values are text, as they are written. A row that has more
    or fewer values than there are columns is reported and left out, and the run's result says so. Only one row is in
    memory at a time.

    Example:
        :stage a :CSVReader ; :settings [ :sourceFile "towns.csv" ] .
        file towns.csv "name,people\nBrig,13000\n\"Visp, VS\",8000\n"
        out {"currentItem": {"name": "Brig", "people": "13000"}, "eachCounter": 0}
        out {"currentItem": {"name": "Visp, VS", "people": "8000"}, "eachCounter": 1}
        out {"done": true}

    Guarantee: pure: the same file gives the same messages.
    """

    delimiter: str = setting(",", 'what stands between values: one character, such as ";" or a tab', fixed=True)
    columns: list[str] = setting((), "names of the columns, if the first row does not hold them", fixed=True)
    encoding: str = setting("utf-8-sig", "how the text is encoded", fixed=True)

    def start(self) -> None:
        """Refuse what cannot be a delimiter or an encoding, before the first message."""
        _check(self.encoding, self.delimiter)

    def _rows(self, file: BinaryIO, place: str) -> Iterator[tuple[int, Any]]:
        return self._table(file, place, self.delimiter)

    def _table(self, file: BinaryIO, place: str, delimiter: str) -> Iterator[tuple[int, Any]]:
        self._row_bytes = 0
        # The library's own bound is one for the whole process, and ours is looked at before it.
        csv.field_size_limit(max(csv.field_size_limit(), self.max_row_bytes))
        reader = csv.reader(self._texts(file, place), delimiter=delimiter, strict=True)
        names = self.columns
        while True:
            begun = reader.line_num + 1
            self._row_bytes = 0
            try:
                row = next(reader)
            except StopIteration:
                if not names:
                    self.warn(f"{place}: the file is empty: not even a first row names columns")
                return
            except UnicodeDecodeError as error:
                raise TransmissionsError(
                    f"{place}:{begun}: not {self.encoding.removesuffix('-sig')}; set :encoding to what the file is in"
                ) from error
            except csv.Error as error:
                raise TransmissionsError(f"{place}:{begun}: not valid CSV: {error}") from None
            if not names:
                names = _names(row, f"{place}:{begun}")
            elif len(row) == len(names):
                yield begun, dict(zip(names, row, strict=True))
            elif row:
                self.lose(
                    f"{place}:{begun}: {len(row)} values for {len(names)} columns; the row was left out", line=begun
                )

    def _texts(self, file: BinaryIO, place: str) -> Iterator[str]:
        for number, line in enumerate(self._lines(file, place), 1):
            self._row_bytes += len(line)
            if self._row_bytes > self.max_row_bytes:
                raise TransmissionsError(
                    f"{place}:{number}: a row has more than {self.max_row_bytes} bytes; is a quote left open?"
                )
            yield line.decode(self.encoding if number == 1 else self.encoding.removesuffix("-sig"))


def _check(encoding: str, delimiter: str) -> None:
    try:
        if not "\n".encode(encoding).endswith(b"\n"):
            raise ValueError(f"{encoding} cannot be read line by line")
        csv.reader([], delimiter=delimiter)
    except (LookupError, TypeError, ValueError) as error:
        raise TransmissionsError(f"{error}: check :delimiter and :encoding") from None


def _names(row: list[str], place: str) -> list[str]:
    names = [name.strip() for name in row]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TransmissionsError(f"{place}: two columns are called {twice[0]!r}; name them with :columns")
    return names


class JSONLinesReader(_LineReader):
    r"""Read a file with one JSON value a line: a message for each, then the mark that ends the group.

    A line that is not JSON is reported and left out, and the run's result says so; empty lines do not count. Only one
    line is in memory at a time.

    Example:
        :stage a :JSONLinesReader ; :settings [ :sourceFile "log.jsonl" ; :itemField "entry" ] .
        file log.jsonl "{\"n\": 1}\n{\"n\": 2}\n"
        out {"entry": {"n": 1}, "eachCounter": 0}
        out {"entry": {"n": 2}, "eachCounter": 1}
        out {"done": true}

    Guarantee: pure: the same file gives the same messages.
    """

    def _rows(self, file: BinaryIO, place: str) -> Iterator[tuple[int, Any]]:
        return self._values(file, place)


class TableReader(CSVReader):
    r"""Read a table, CSV or JSON Lines: a message for each row, an object, then the mark that ends the group.

    Its ending says which of them it is: `.jsonl`, `.ndjson` and `.json` are JSON Lines, `.tsv` has tabs between values,
    and all else is CSV as CSVReader reads it. A row that cannot be read is reported and left out, and so is a line
    of JSON that is no object.

    Example:
        :stage a :TableReader ; :settings [ :sourceFile "towns.jsonl" ; :lineField "line" ] .
        file towns.jsonl "{\"name\": \"Brig\"}\n\n{\"name\": \"Visp\"}\n"
        out {"currentItem": {"name": "Brig"}, "eachCounter": 0, "line": 1}
        out {"currentItem": {"name": "Visp"}, "eachCounter": 1, "line": 3}
        out {"done": true}

    Guarantee: pure: the same file gives the same messages.
    """

    form: Literal["auto", "csv", "json-lines"] = setting("auto", "what it is, if its ending does not say", fixed=True)
    delimiter: str = setting("", "what stands between values of CSV; a comma, in .tsv a tab, unless said", fixed=True)

    def start(self) -> None:
        """Refuse what cannot be a delimiter or an encoding, before the first message."""
        _check(self.encoding, self.delimiter or ",")

    def _rows(self, file: BinaryIO, place: str) -> Iterator[tuple[int, Any]]:
        ending = Path(place).suffix.lower()
        if self.form == "csv" or (self.form == "auto" and ending not in (".jsonl", ".ndjson", ".json")):
            yield from self._table(file, place, self.delimiter or ("\t" if ending == ".tsv" else ","))
            return
        for number, value in self._values(file, place):
            if isinstance(value, dict):
                yield number, value
            else:
                self.lose(f"{place}:{number}: no object, and left out", line=number)
