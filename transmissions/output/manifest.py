"""What runs recorded about a target: per piece of input, the files made of it and the hash of what was written.

It tells what need not be made again, and which files a person has edited since. It holds no times and no order of
events, so the same tree always has the same manifest, byte for byte.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
from xxhash import xxh3_128_digest

from transmissions.errors import OutputFailed
from transmissions.output.claims import fold
from transmissions.output.lines import Lines
from transmissions.output.records import Record
from transmissions.output.state import JOURNAL, SAVED, State

if TYPE_CHECKING:
    from transmissions.output.target import Output

__all__ = ["Manifest", "content_hash"]


def content_hash(data: bytes) -> str:
    """Return the text by which the manifest knows a file's content: its XXH3 of 128 bits.

    It tells files apart that differ by accident, at no cost that shows; nobody gains by forging one.

    >>> content_hash(b"")
    'maoG0wFHmNhgAcMkRo1Jfw'
    """
    return base64.urlsafe_b64encode(xxh3_128_digest(data))[:22].decode()


class Manifest:
    """The records of one target, by the key of the input that each was made of. Safe to use from several threads.

    While a run is on, each record is appended to a journal before the file it speaks of becomes visible; the next
    start after a crash believes the journal where the files agree with it. One run at a time may use it.

    Args:
        output: the target.
        lock: the one that the output takes.

    Attributes:
        durable: whether the disk has to have a record before `record` returns.
    """

    def __init__(self, output: Output, lock: threading.RLock) -> None:
        self.durable = False
        self._output = output
        self._lines = Lines()
        self._digests: dict[int, str] = {}
        self._seen: set[str] = set()
        self._spared: set[str] | None = set()
        self._repeated: dict[str, set[str]] = {}
        self._ours: set[int] | None = None
        self._current: Record | None = None
        self._head: tuple[object, ...] = ()
        self._last: tuple[str, str, list[str]] = ("", "", [])
        self._changed = False
        self._state = State(output)
        # The output's own: each calls the other, and two locks would be taken in both orders.
        self._lock = lock
        self._warnings: list[str] = []

    def unchanged(self, digest: str) -> int | None:
        """Return how many files are there of the piece of input with that digest, or None if it is to be made anew.

        0 stands for a piece that needs nothing, because a later piece of the same run replaced it.

        Raises:
            OutputFailed: another run uses the manifest, or the target cannot be written.
        """
        with self._lock:
            self._open()
            self._put_back()
            key = self._digests.get(hash(digest))
            line = self._lines.get(key) if key is not None else None
            if line is None:
                return None
            record = Record.of_line(line)
            replaced = digest in record.replaced
            if not record.complete or not (replaced or digest == record.digest):
                return None
            if record.old or not all(self._output.holds(path) for path in (*record.files, *record.kept)):
                return None
            if replaced:
                self._repeated.setdefault(record.key, set()).add(digest)
                return 0
            self._seen.add(record.key)
            return len(record.files)

    def record(
        self,
        key: str,
        digest: str,
        path: str,
        content_hash: str,
        *,
        parts: int = 1,
        entry: dict[str, Any] | None = None,
    ) -> None:
        """Record a file, just before it becomes visible under its name; `withdraw` it if that fails.

        Args:
            key: names the piece of input.
            digest: changes when the piece, or the way it is converted, does.
            path: of the file, relative to the target.
            content_hash: of the file's new content.
            parts: how many distinct files make the piece complete.
            entry: what an index page says of it.

        Raises:
            OutputFailed: another run uses the manifest, or the journal cannot be written.
        """
        with self._lock:
            self._open()
            record = self._fetch(key)
            known = record.complete and record.says(digest, parts, entry) and record.files.get(path) == content_hash
            first = key not in self._seen
            repeated = self._repeated.get(key, set())
            if first:
                record.begin(digest, parts, entry, repeated)
                self._seen.add(key)
            elif record.digest != digest:
                record.begin(digest, parts, entry, {*repeated, *record.replaced, record.digest})
            elif record.complete and path not in record.files:
                record.begin(digest, parts, entry, {*repeated, *record.replaced})
            record.parts, record.entry = parts, entry
            self._last = (key, path, record.known(path))
            if not known:
                self._append(record, path, content_hash)
            record.add(path, content_hash)
            if self._ours is not None:
                self._ours.add(hash((path, content_hash)))

    def withdraw(self, key: str, path: str) -> None:
        """Take back the last `record`, as far as the file does not agree with it, because writing it failed."""
        with self._lock:
            if not self._state.is_locked or self._last[:2] != (key, path):
                return
            record = self._fetch(key)
            try:
                self._believe(record, path, self._last[2])
            except OutputFailed:
                record.files.pop(path, None)
                if self._last[2]:
                    record.old[path] = self._last[2][0]

    def keep(self, key: str, path: str) -> None:
        """Record that a file of a piece stays as a person left it, and what we last wrote there, if anything."""
        with self._lock:
            self._open()
            record = self._fetch(key)
            known = record.known(path)
            record.files.pop(path, None)
            record.old.pop(path, None)
            record.kept[path] = known[0] if known else ""

    def is_ours(self, path: str, content_hash: str, key: str = "") -> bool:
        """Say whether what a file holds is something that runs wrote there, so that nobody's work is lost with it.

        Args:
            path: of the file.
            content_hash: of what it holds now.
            key: of the piece that most likely wrote it; makes the answer fast.
        """
        with self._lock:
            self._open()
            if key and content_hash in self._fetch(key).known(path):
                return True
            if self._ours is None:
                self._ours = {hash(pair) for record in self._records() for pair in record.pairs()}
            return hash((path, content_hash)) in self._ours

    def last_written(self, key: str, path: str) -> str | None:
        """Return the hash of what a piece last wrote to a path, or None if it did not, or was kept from it."""
        with self._lock:
            self._open()
            record = self._fetch(key)
            return record.files.get(path) or record.old.get(path)

    def known_hash(self, path: str) -> str | None:
        """Return the hash of what was last written to a path, or None; looks at all records, so ask seldom."""
        with self._lock:
            self._open()
            for record in self._records(orjson.dumps(path)):
                known = record.known(path)
                if known:
                    return known[0]
            return None

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and entry of every complete record that has one, sorted by key, this run's included."""
        for key in self._keys():
            entry = self.entry(key)
            if entry is not None:
                yield key, entry

    def entry(self, key: str) -> dict[str, Any] | None:
        """Return the entry of a piece's complete record; None if it has none."""
        with self._lock:
            self._open()
            self._put_back()
            line = self._lines.get(key)
        record = Record.of_line(line) if line is not None else None
        return record.entry if record is not None and record.complete else None

    def files_of(self, key: str) -> list[str]:
        """Return the paths of a piece's files, sorted."""
        with self._lock:
            self._open()
            return sorted(self._fetch(key).files) if key in self._lines or self._is_current(key) else []

    def unseen(self) -> list[str]:
        """Return the keys that this run met neither changed nor unchanged, sorted; none, if some were lost sight of."""
        if self._spared is None:
            return []
        seen = self._seen.union(self._spared, self._repeated)
        return [key for key in self._keys() if key not in seen]

    def spare(self, key: str | None) -> None:
        """Say that a piece is in the input though it is not written; None, that nobody can tell which are.

        It is not unseen then, so pruning leaves its files.
        """
        with self._lock:
            if key is None:
                self._spared = None
            elif self._spared is not None:
                self._spared.add(key)

    def take_warnings(self) -> list[str]:
        """Return one line for each part of the manifest that could not be read and was left out; each only once."""
        with self._lock:
            warnings, self._warnings = self._warnings, []
            return warnings

    def retire(self, key: str) -> None:
        """Give up a piece: its files are stale from now on."""
        with self._lock:
            self._open()
            self._fetch(key).begin("", 0, None, set())

    @property
    def met_any(self) -> bool:
        """Whether this run met any piece at all."""
        return bool(self._seen or self._spared)

    @property
    def lost_sight(self) -> bool:
        """Whether nobody can tell which pieces the input has, because part of it could not be read."""
        return self._spared is None

    def stale(self) -> Iterator[tuple[str, str, str]]:
        """Yield key, path and hash of each file that its piece no longer makes and no other piece makes."""
        with self._lock:
            self._open()
            waiting = [record for record in self._records(b'"old":{"') if record.complete or not record.parts]
            if not waiting:
                return
            folded = {fold(path) for record in waiting for path in record.old}
            live: dict[str, list[tuple[str, str]]] = {}
            for record in self._records():
                for path, written in record.files.items():
                    if (folding := fold(path)) in folded:
                        live.setdefault(folding, []).append((path, written))
        for record in waiting:
            for path, written in sorted(record.old.items()):
                if any(self._is_of_another(path, written, *other) for other in live.get(fold(path), ())):
                    self.settle(record.key, path)
                else:
                    yield record.key, path, written

    def _is_of_another(self, path: str, written: str, other: str, of_other: str) -> bool:
        """Say whether what is at an old path is what another record has there, under that name or a twin of it."""
        if not self._output.are_one(path, other):
            return False
        content = self._output.read(path) if written != of_other and path == other else None
        return content is None or content_hash(content) != written

    def settle(self, key: str, path: str) -> None:
        """Forget a file that its piece no longer makes: it is gone, or somebody else's now."""
        with self._lock:
            self._fetch(key).old.pop(path, None)

    def forget(self, key: str) -> None:
        """Forget a piece and its files; the files stay."""
        with self._lock:
            self._open()
            self._put_back()
            if self._lines.pop(key):
                self._changed = True
                self._ours = None

    def save(self) -> None:
        """Write the manifest, if it changed, and remove the journal.

        Raises:
            OutputFailed: it cannot be written; the journal stays, so nothing is lost.
        """
        with self._lock:
            if not self._state.is_locked:
                return
            self._put_back()
            if self._changed:
                lines = (line + b"\n" for key in self._lines if (line := self._lines.get(key)) is not None)
                self._state.save(lines, durable=self.durable)
                self._changed = False
            self._state.end_journal()
            self._head = ()

    def close(self) -> None:
        """Save, and let other runs use the target; raises as `save`."""
        with self._lock:
            try:
                self.save()
            finally:
                self._state.release()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self._state.release()

    def _keys(self) -> list[str]:
        with self._lock:
            self._open()
            self._put_back()
            return list(self._lines)

    def _records(self, having: bytes = b"") -> Iterator[Record]:
        """Yield the records in whose lines those bytes stand."""
        self._put_back()
        for line in self._lines.values():
            if having in line:
                yield Record.of_line(line)

    def _is_current(self, key: str) -> bool:
        return self._current is not None and self._current.key == key

    def _fetch(self, key: str) -> Record:
        """Return the record of that key to work on; the one before it goes back to its compact form."""
        if self._current is None or self._current.key != key:
            self._put_back()
            line = self._lines.get(key)
            self._current = Record(key) if line is None else Record.of_line(line)
        return self._current

    def _put_back(self) -> None:
        record, self._current = self._current, None
        if record is None or record.empty:
            return
        line = record.as_line()
        if self._lines.get(record.key) != line:
            self._lines[record.key] = line
            self._changed = True
            self._index(record)

    def _index(self, record: Record) -> None:
        for digest in (record.digest, *record.replaced):
            self._digests[hash(digest)] = record.key

    def _append(self, record: Record, path: str, content_hash: str) -> None:
        about = [record.digest, record.parts, record.entry, sorted(record.replaced)]
        head = (record.key, *about)
        line: list[object] = [record.key, path, content_hash]
        if head != self._head:
            line.append(about)
        self._head = ()
        self._state.append(orjson.dumps(line), durable=self.durable)
        self._head = head

    def _open(self) -> None:
        if self._state.is_locked:
            return
        self._state.lock()
        try:
            self._load()
            if self._state.resume_journal():
                self._replay()
                self._changed = True
                self.save()
        except BaseException:
            # Half of what was known would be taken for all of it.
            self._lines.clear()
            self._state.release()
            raise

    def _load(self) -> None:
        for place, line in self._state.lines(SAVED):
            try:
                record = Record.of_line(line)
            except (ValueError, TypeError, KeyError, AttributeError):
                self._warnings.append(f"{place}: not readable; left out")
                self._changed = True
                continue
            self._lines[record.key] = line
            self._index(record)

    def _replay(self) -> None:
        """Take in what a run that was cut off left in its journal."""
        began: set[str] = set()
        earlier: dict[tuple[str, str], list[str]] = {}
        for place, line in self._state.lines(JOURNAL):
            try:
                self._take_in(line, began, earlier)
            except (ValueError, TypeError, KeyError):
                self._warnings.append(f"{place}: not readable; left out")
        for key in sorted(began):
            record = self._fetch(key)
            for path in list(record.files):
                self._believe(record, path, earlier.get((key, path), []))
        self._put_back()

    def _take_in(self, line: bytes, began: set[str], earlier: dict[tuple[str, str], list[str]]) -> None:
        key, path, written, *head = orjson.loads(line)
        record = self._fetch(key)
        if head:
            digest, parts, entry, replaced = head[0]
            if key not in began or not record.says(digest, parts, entry):
                record.begin(digest, parts, entry, set(replaced))
                began.add(key)
        elif key not in began:
            return
        if known := record.known(path):
            earlier.setdefault((key, path), []).extend(known)
        record.add(path, written)

    def _believe(self, record: Record, path: str, earlier: list[str]) -> None:
        """Keep of what was recorded for a path what the file agrees with: records are made before files appear."""
        content = self._output.read(path) if self._output.holds(path) else None
        found = "" if content is None else content_hash(content)
        if record.files.get(path, found) != found:
            del record.files[path]
            if found in earlier:
                record.old[path] = found
