"""The parts of an archive: files, zip members read in place, folders, standard input; nothing is extracted."""

from __future__ import annotations

import codecs
import io
import re
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from transmissions.errors import TransmissionsError

__all__ = ["ArchiveError", "Limits", "Part", "open_parts"]

Report = Callable[[str, str], None]

_SUFFIXES = (".json", ".jsonl", ".ndjson", ".zst", ".zip")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_COPIED_BYTES = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)


class ArchiveError(TransmissionsError):
    """An archive cannot be read, or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a zip file may be, so that a hostile one costs nothing.

    Args:
        entries: at most this many members.
        ratio: a member may be at most this many times larger than its compressed form.
        member_bytes: a member may have at most this many bytes.
    """

    entries: int = 10_000
    ratio: float = 500.0
    member_bytes: int = 16 << 30


@dataclass(slots=True)
class Part:
    """One stream of JSON in an archive.

    Args:
        name: for a person: the path, or `archive.zip!member`.
        asked_for: whether it was named itself, rather than found in a folder or zip file.
        once: whether it can be opened only once.
        size_bytes: how many bytes its stream has, if known.
        start: opens it.
    """

    name: str
    asked_for: bool
    size_bytes: int | None
    start: Callable[[], IO[bytes]] = field(repr=False)
    once: bool = False

    def open(self, stack: ExitStack, report: Report) -> Callable[[int], bytes]:
        """Open it, and return what reads it as UTF-8: up to so many bytes, b"" at the end; `stack` closes it.

        Where what it is packed in turns out to be damaged, it ends there, and `report` is told.

        Raises:
            ArchiveError: it cannot be opened, or is compressed in a way that needs an extra that is not installed.
        """
        try:
            stream = self.start()
            if not self.once:
                stack.enter_context(stream)
            head = stream.read(4)
        except _DAMAGE as error:
            report(f"damaged, so it is not read ({error})", self.name)
            return lambda size: b""
        except (OSError, RuntimeError) as error:
            raise ArchiveError(f"{self.name}: cannot be read: {error}") from error
        read = _joined(head, stream)
        if head == _ZSTD_MAGIC:
            self.size_bytes = None
            read = _zstd(read, self.name)
        return _utf8(_until_damage(read, lambda why: report(why, self.name)))


def open_parts(sources: list[str], limits: Limits, stack: ExitStack, report: Report) -> Iterator[Part]:
    """Yield the parts of the sources, those of a folder or a zip file in the order of the numbers in their names.

    Args:
        sources: paths of files and folders; `-` is standard input.
        limits: what zip files may be.
        stack: closes what was opened.
        report: is told of what is refused: why, and its name.

    Raises:
        ArchiveError: a source does not exist or is no readable zip file.
    """
    for source in sources:
        if source == "-":
            yield Part("standard input", True, None, lambda: sys.stdin.buffer, once=True)
            continue
        path = Path(source)
        if not path.exists():
            raise ArchiveError(f"{source}: there is no such file or folder")
        if not path.is_dir():
            yield from _file(path, True, limits, stack, report)
            continue
        files = [one for one in path.rglob("*") if one.suffix.lower() in _SUFFIXES and one.is_file()]
        for one in sorted(files, key=lambda one: _numeric(one.relative_to(path).as_posix())):
            yield from _file(one, False, limits, stack, report)


def _file(path: Path, asked_for: bool, limits: Limits, stack: ExitStack, report: Report) -> Iterator[Part]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read: {error.strerror}") from error
    if magic in _ZIP_MAGIC:
        yield from _zip(path, str(path), limits, stack, report, nested=False)
    else:
        size = path.stat().st_size if path.is_file() else None
        yield Part(str(path), asked_for, size, lambda: path.open("rb", buffering=0))


def _zip(
    file: Path | IO[bytes], name: str, limits: Limits, stack: ExitStack, report: Report, *, nested: bool
) -> Iterator[Part]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ArchiveError(f"{name}: not a readable zip file: {error}") from error
    members = archive.infolist()
    if len(members) > limits.entries:
        raise ArchiveError(f"{name}: has {len(members)} members; :maxEntries allows {limits.entries}")
    for member in sorted(members, key=lambda one: _numeric(one.filename)):
        if member.is_dir() or not member.filename.lower().endswith(_SUFFIXES):
            continue
        inside = f"{name}!{member.filename}"
        if why := _refusal(member, limits):
            report(why, inside)
        elif not member.filename.lower().endswith(".zip"):
            yield Part(inside, False, member.file_size, partial(archive.open, member))
        elif nested:
            report("a zip file in a zip file in a zip file is not opened", inside)
        else:
            copy = stack.enter_context(_copied(archive, member, inside))
            yield from _zip(copy, inside, limits, stack, report, nested=True)


def _copied(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> IO[bytes]:
    """Copy an inner zip file to where it can be read from any place; it is gone once closed."""
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        with archive.open(member) as source:
            while piece := source.read(_COPIED_BYTES):
                copy.write(piece)
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        copy.close()
        raise ArchiveError(f"{name}: cannot be read: {error}") from error
    copy.seek(0)
    return copy


def _refusal(member: zipfile.ZipInfo, limits: Limits) -> str:
    """Return why a member is not read; "" if it may be."""
    name = member.filename.replace("\\", "/")
    if member.flag_bits & 0x1:
        return "encrypted, so it is not read"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a symbolic link, so it is not read"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in PurePosixPath(name).parts:
        return "its name leads out of the archive, so it is not read"
    if member.file_size > limits.member_bytes:
        return f"{member.file_size} bytes, over :maxMemberBytes ({limits.member_bytes}), so it is not read"
    if member.file_size > (1 << 20) and member.file_size > limits.ratio * max(1, member.compress_size):
        return f"compressed more than {limits.ratio:g} times (:maxRatio), as a zip bomb is, so it is not read"
    return ""


def _numeric(name: str) -> list[Any]:
    """Return a sort key that puts `part-2` before `part-10`."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece.casefold()) for piece in re.split(r"(\d+)", name)]


def _joined(head: bytes, stream: IO[bytes]) -> Callable[[int], bytes]:
    rest = [head]
    return lambda size: rest.pop() if rest and rest[0] else stream.read(size)


def _until_damage(read: Callable[[int], bytes], report: Callable[[str], None]) -> Callable[[int], bytes]:
    ended = False

    def guarded(size: int) -> bytes:
        nonlocal ended
        if ended:
            return b""
        try:
            return read(size)
        except _DAMAGE as error:
            ended = True
            report(f"damaged, so its rest is not read ({error})")
            return b""

    return guarded


def _zstd(read: Callable[[int], bytes], name: str) -> Callable[[int], bytes]:
    try:
        import zstandard
    except ImportError:
        raise ArchiveError(f"{name}: compressed with zstd; install transmissions-engine[zstd] to read it") from None

    class _Raw(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return read(size if size > 0 else _COPIED_BYTES)

    stream = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], _Raw()), read_across_frames=True)

    def decompress(size: int) -> bytes:
        try:
            return bytes(stream.read1(size))
        except zstandard.ZstdError as error:
            raise EOFError(str(error)) from error

    return decompress


def _utf8(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return a reader of the same text in UTF-8, without a byte order mark."""
    head = b""
    while len(head) < 4 and (more := read(4 - len(head))):
        head += more
    encoding = _encoding(head)
    if encoding is None:
        rest = [head.removeprefix(codecs.BOM_UTF8)]
        return lambda size: rest.pop() if rest and rest[0] else read(size)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    first = [head]

    def recode(size: int) -> bytes:
        while True:
            piece = first.pop() if first else read(size)
            text = decoder.decode(piece, final=not piece).removeprefix("\ufeff")
            if text or not piece:
                return text.encode("utf-8", "replace")

    return recode


def _encoding(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF16_LE) or (len(head) == 4 and head[1] == head[3] == 0 and head[0] and head[2]):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE) or (len(head) == 4 and head[0] == head[2] == 0 and head[1] and head[3]):
        return "utf-16-be"
    return None
