"""One file a message: the original's form, its names, and never two messages in one file."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.chat.layout import Layout
from processors.chat.markdown_formatter import MarkdownFormatter
from processors.chat.message_page import stringified
from transmissions.context import Context
from transmissions.output import Output

Make = Callable[..., dict[str, Any]]

APP = {
    "sourceFile": "/data/conversations.json",
    "appName": "claude-json-converter",
    "subtask": False,
    "rootDir": "/app",
    "targetPath": "",
    "nothing": None,
    "tags": "ccc10.ccc20",
    "done": False,
}
BEFORE = (
    '# [Streams: a "test"](https://claude.ai/chat/7352ddcc-bebe-4ba3-b94b-48f2e20746ab)\n\n'
    "ced45374-34db-480c-8ece-46fb6c70aeb8\n\n"
    ' \n\n<antArtifact identifier="x">\n```js\n</antArtifact>\n\n---\n\n'
    "* **sourceFile** : /data/conversations.json\n* **appName** : claude-json-converter\n"
    "* **subtask** : [undefined]\n* **rootDir** : /app\n* **targetPath** : [undefined]\n* **tags** : ccc10.ccc20\n"
    "* **done** : [undefined]\n* **meta** : {\n"
    '  "conv_uuid": "7352ddcc-bebe-4ba3-b94b-48f2e20746ab",\n  "conv_name": "Streams: a \\"test\\"",\n'
    '  "updated_at": "2024-11-30T22:29:56.938448Z"\n}\n'
    "* **filepath** : /archive/md/7352/2024-11-30_ced.md"
)
CHAT = {
    "uuid": "ced45374-34db-480c-8ece-46fb6c70aeb8",
    "text": ' \n\n<antArtifact identifier="x">\n```js\n</antArtifact>',
    "content": [{"type": "text", "text": "other"}],
    "created_at": "2024-11-30T22:29:11.000000Z",
    "sender": "assistant",
}
CONVERSATION = {
    "uuid": "7352ddcc-bebe-4ba3-b94b-48f2e20746ab",
    "name": 'Streams: a "test"',
    "updated_at": "2024-11-30T22:29:56.938448Z",
    "chat_messages": [CHAT],
}
PATH = "/archive/md/{conv.uuid:4}/{message.created_at:%Y-%m-%d}_{message.uuid:3}.md"


def test_original_form_byte_for_byte() -> None:
    """R8: with `textField` a message comes out as the original wrote it, to the last byte."""
    formatter = MarkdownFormatter(form="message", text_field=True, path=PATH)
    formatter.start()
    (made,) = formatter.process({**APP, "conversation": CONVERSATION, "source": {"key": "k"}})
    assert made["content"] == BEFORE


def test_messages_of_the_original() -> None:
    """R8: a message as the original's stages made it, the chat message in `content`, gives the same."""
    formatter = MarkdownFormatter(form="message", path=PATH)
    formatter.start()
    names = {"conv_uuid": "uuid", "conv_name": "name", "updated_at": "updated_at"}
    meta = {ours: CONVERSATION[theirs] for ours, theirs in names.items()}
    (made,) = formatter.process({**APP, "meta": meta, "content": CHAT})
    assert made["content"] == BEFORE
    assert made["filepath"] == "/archive/md/7352/2024-11-30_ced.md"
    assert made["appName"] == "claude-json-converter"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("", "[undefined]"), (0, "[undefined]"), (False, "[undefined]"), (float("nan"), "[undefined]"),
        (True, "true"), (1.0, "1"), (1.5, "1.5"), ("a\nb", "a\nb"), ([], "[]"), ({}, "{}"),
        ({"b": 1, "2": [], "1": {"x": None}}, '{\n  "1": {\n    "x": null\n  },\n  "2": [],\n  "b": 1\n}'),
        (["ü\x01", 2.0], '[\n  "ü\\u0001",\n  2\n]'),
    ],
)  # fmt: skip
def test_values_print_as_in_javascript(value: Any, printed: str) -> None:
    """R8: bullets print values as the original's language does."""
    assert stringified(value) == printed


def test_default_form_says_more(write: Any, talk: Make, say: Make) -> None:
    """R11: by default the text comes from the blocks, and who, when, in answer to what and with what are listed."""
    one = say(
        1,
        "real",
        text="flat",
        parent_message_uuid="p",
        attachments=[{"file_name": "a\n.txt"}],
        files=[{"file_name": "b"}],
    )
    page = write(talk(1, one), form="message").page
    assert "\n\nreal\n\n**Attachment:** a .txt\n\n**File:** b (not in the export)\n\n---\n\n" in page
    assert "\n\n---\n\n* **sender** : human\n* **created_at** : 2025-01-02T03:01:00.000000Z\n" in page
    assert "* **parent_message_uuid** : p\n* **attachments** : a .txt\n* **files** : b\n* **meta** : {" in page
    assert not page.endswith("\n")
    plain = write(talk(1, one), form="message", details=False).page
    assert "\n---\n\n* **meta** : {" in plain


def test_names_are_the_originals(write: Any, talk: Make) -> None:
    """R9: folder and file are named as the original named them."""
    assert list(write(talk(1), form="message").files) == ["0010/2025-01-02_001.md", "0010/2025-01-02_002.md"]


def test_colliding_names_take_more_of_their_ids(write: Any, talk: Make, say: Make) -> None:
    """R9: messages whose names collide take more digits, all of them, and in any order the same."""
    ids = ["abc1", "abc2-x", "abc2-y", "abd", "ABD"]
    expected = {"abc1": "abc1", "abc2-x": "abc2-x", "abc2-y": "abc2-y", "abd": "abd-4", "ABD": "ABD-5"}
    for order in itertools.islice(itertools.permutations(ids), 0, 120, 17):
        messages = [say(1, f"<{id_}>", uuid=id_) for id_ in order]
        files = write(talk(1, *messages), form="message").files
        named = {content.split("\n")[2]: path.removeprefix("0010/2025-01-02_") for path, content in files.items()}
        assert {id_: named[id_] for id_ in ids[:3]} == {id_: f"{expected[id_]}.md" for id_ in ids[:3]}
        assert len({name.casefold() for name in named.values()}) == 5


@given(st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=12, unique=True), st.randoms())
def test_names_do_not_depend_on_the_order(ids: list[str], random: Any) -> None:
    """R9: within a conversation every message has a file of its own, and their order changes no name."""

    def names(order: list[str]) -> dict[str, str]:
        formatter = MarkdownFormatter(form="message")
        formatter.start()
        messages = [{"uuid": f"{id_}-{'0' * 8}", "created_at": "2025-01-02T00:00:00Z", "text": id_} for id_ in order]
        one = {"uuid": "conv", "chat_messages": messages}
        made = list(formatter.process({"conversation": one, "source": {"key": "k"}}))
        return {message["content"].split("\n")[2]: message["filepath"] for message in made}

    shuffled = random.sample(ids, len(ids))
    assert names(ids) == names(shuffled)
    assert len(set(names(ids).values())) == len(ids)


def test_conversations_that_share_a_folder_share_no_file(write: Any, talk: Make, say: Make) -> None:
    """R9: messages of different conversations that would get the same name get two."""
    ones = [talk(1, say(5, "first"), uuid="aaaa-1"), talk(1, say(5, "second", uuid="005xyz"), uuid="aaaa-2")]
    files = write(*ones, form="message").files
    assert list(files) == ["aaaa/2025-01-02_005.md", "aaaa/2025-01-02_005x.md"]


def test_names_given_in_earlier_runs_stay(talk: Make, say: Make, tmp_path: Path) -> None:
    """R9, R41: what a conversation that is skipped has written is not taken by one that is not."""
    output = Output(tmp_path)
    entry = {"path": "aaaa/2025-01-02_005.md"}
    output.manifest.record("aaaa-1", "d", "aaaa/2025-01-02_005.md", "h", parts=1, entry=entry)
    formatter = MarkdownFormatter(form="message")
    formatter.context = Context(output=output)
    formatter.start()
    one = talk(1, say(5, "second", uuid="005xyz"), uuid="aaaa-2")
    (made,) = formatter.process({"conversation": one, "source": {"key": "aaaa-2", "digest": "d2"}})
    assert made["filepath"] == "aaaa/2025-01-02_005x.md"


def test_extra_files_belong_to_the_conversation(write: Any, talk: Make, say: Make) -> None:
    """R15: in this form, too, attachments can be files; all of a conversation's files count as its parts."""
    one = talk(1, say(1, "x", attachments=[{"file_name": "a.txt", "extracted_content": "data"}]), say(2))
    done = write(one, form="message", attachments="files")
    assert len(done.files) == 3
    assert {message["source"]["parts"] for message in done.messages} == {3}


def test_layout_keeps_what_its_author_wrote() -> None:
    """R9: an absolute layout stays absolute; values never make folders of their own."""
    layout = Layout("/a/{title}.md")
    values = dict.fromkeys(("title",), "../x/y")
    assert layout.path(values) == "/a/x_y.md"
