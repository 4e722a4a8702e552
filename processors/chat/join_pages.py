"""JoinPages: pages of several conversations in one file, by day, by month, or all in one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from processors.chat.layout import Layout
from processors.chat.markup import text_of
from transmissions import Message, Processor, setting
from transmissions.output.names import slug

__all__ = ["JoinPages"]

_BETWEEN = b"\n---\n\n"
_PIECE_BYTES = 1 << 20


class _Page(NamedTuple):
    """Where a page stands in the scratch file, and in the file that it will be part of."""

    path: str
    created: str
    key: str
    start: int
    size: int


class JoinPages(Processor):
    r"""Write the pages that pass into shared files, oldest first: one for each day, or whatever `:path` tells apart.

    Takes pages as MarkdownFormatter makes them; files that belong to a page, such as artifacts, pass by. Pages wait in
    a scratch file outside the target until the end, so that memory does not grow with them.

    Example:
        :main a :EntryTransmission ; :pipe (:read :markdown :stage) .
        :read     a :ClaudeExport ; :settings [ :sourceFile "conversations.json" ] .
        :markdown a :MarkdownFormatter ; :settings [ :frontMatter false ] .
        :stage    a :JoinPages ; :settings [ :path "{created:%Y-%m}.md" ] .
        file conversations.json [
            {"uuid": "c1", "name": "Thaw", "created_at": "2025-03-01T09:00:00Z", "chat_messages": [
            {"uuid": "a1", "sender": "human", "text": "Will it rain?", "created_at": "2025-03-01T09:00:00Z"}]},
            {"uuid": "c2", "name": "Frost", "created_at": "2025-03-02T07:00:00Z", "chat_messages": [
            {"uuid": "b1", "sender": "human", "text": "And now?", "created_at": "2025-03-02T07:00:00Z"}]}]
        written 2025-03.md "# Thaw\n\n[Open in Claude](https://claude.ai/chat/c1) · begun 2025-03-01 09:00 UTC\n\n##
            Human ·
            2025-03-01 09:00\n\nWill it rain?\n\n---\n\n# Frost\n\n[Open in Claude](https://claude.ai/chat/c2) · begun
            2025-03-02
            07:00 UTC\n\n## Human · 2025-03-02 07:00\n\nAnd now?\n"

    Guarantee: idempotent; the same conversations in any order give the same files.
    """

    reads = ("content", "source")
    stateful = True

    path: str = setting(
        "{created:%Y}/{created:%Y-%m-%d}.md", "file of a page: a template; `{created:%Y-%m}.md` is one for each month"
    )

    def start(self) -> None:
        """Open the scratch file; raises TransmissionsError if the template is wrong."""
        self._layout = Layout(self.path)
        self._pages: dict[str, _Page] = {}
        self._scratch: IO[bytes] | None = tempfile.TemporaryFile()  # noqa: SIM115
        self._end = 0

    def process(self, message: Message) -> Message | None:
        """Keep a page; hand on what is none."""
        source = message.get("source")
        entry = source.get("entry") if isinstance(source, dict) else None
        if not isinstance(source, dict) or not isinstance(entry, dict) or self._scratch is None:
            raise ValueError("the message is no page: MarkdownFormatter sets `source` with an `entry`")
        if message.get("filepath") != entry.get("path"):
            return message
        key, content = str(source.get("key", "")), text_of(message.get("content")).encode("utf-8", "replace")
        self._scratch.seek(self._end)
        self._scratch.write(content)
        # The same conversation again is a newer state of it.
        self._pages[key] = _Page(self._path_of(key, entry), str(entry.get("created")), key, self._end, len(content))
        self._end += len(content)
        return None

    def finish(self) -> None:
        """Write the files."""
        files: dict[str, list[_Page]] = {}
        for page in sorted(self._pages.values(), key=lambda page: (page.created, page.key)):
            files.setdefault(page.path, []).append(page)
        for path, pages in sorted(files.items()):
            outcome = self.context.output.write(path, self._joined(pages))
            self.outputs[outcome] = self.outputs.get(outcome, 0) + 1

    def close(self) -> None:
        """Give the scratch file up."""
        scratch, self._scratch = getattr(self, "_scratch", None), None
        if scratch is not None:
            scratch.close()

    def report(self) -> dict[str, Any]:
        """Return how many pages were joined."""
        return {"pages": len(self._pages)}

    def _path_of(self, key: str, entry: dict[str, Any]) -> str:
        title = str(entry.get("title") or "")
        values = {"title": slug(title) or f"untitled-{key[:8]}", "name": title, "uuid": key, "provider": "claude"}
        values |= {name: str(entry.get(name) or "") for name in ("created", "updated")}
        return self._layout.path(values | {"model": "unknown", "messages": str(entry.get("messages") or 0)})

    def _joined(self, pages: list[_Page]) -> Iterator[bytes]:
        for number, page in enumerate(pages):
            if number:
                yield _BETWEEN
            yield from self._pieces(page)

    def _pieces(self, page: _Page) -> Iterator[bytes]:
        scratch = self._scratch
        for start in range(page.start, page.start + page.size, _PIECE_BYTES):
            if scratch is not None:
                scratch.seek(start)
                yield scratch.read(min(_PIECE_BYTES, page.start + page.size - start))
