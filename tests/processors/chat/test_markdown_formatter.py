"""Pages: every block in its place, nothing that spoils what follows, and files of safe names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from processors.chat.front_matter import front_matter
from processors.chat.markdown_formatter import MarkdownFormatter
from transmissions.errors import TransmissionsError

Make = Callable[..., dict[str, Any]]

PLACEHOLDER = "```\nThis block is not supported on your current device yet.\n```"
ROOT = "00000000-0000-4000-8000-000000000000"


def tool(name: str, given: Any, **more: Any) -> dict[str, Any]:
    """Return the use of a tool."""
    return {"type": "tool_use", "name": name, "input": given} | more


def result(text: str, **more: Any) -> dict[str, Any]:
    """Return a tool's result."""
    return {"type": "tool_result", "content": [{"type": "text", "text": text}]} | more


def test_page(write: Any, talk: Make) -> None:
    """R11: a page has front matter, title, link, and each message with its sender and time."""
    page = write(talk(1)).page
    assert page == (
        '---\ntitle: "Talk 1"\nuuid: "00100000-0000-4000-8000-000000000001"\nprovider: "claude"\n'
        'created: "2025-01-02T03:00:00.000000Z"\nupdated: "2025-01-02T04:00:00.000000Z"\nmessages: 2\n'
        'link: "https://claude.ai/chat/00100000-0000-4000-8000-000000000001"\n---\n\n# Talk 1\n\n'
        "[Open in Claude](https://claude.ai/chat/00100000-0000-4000-8000-000000000001) · begun 2025-01-02 03:00 UTC\n\n"
        "## Human · 2025-01-02 03:01\n\nhello\n\n## Assistant · 2025-01-02 03:02\n\nhi\n"
    )


def test_path_and_entry(write: Any, talk: Make) -> None:
    """R28, R41: a page's path comes from date, title and id, and its entry has what an index says of it."""
    (message,) = write(talk(1, name="Où est-ce: 数据?")).messages
    assert message["filepath"] == "2025/01/2025-01-02-où-est-ce-数据-00100000.md"
    assert message["source"]["parts"] == 1
    assert message["source"]["entry"] == {
        "title": "Où est-ce: 数据?",
        "created": "2025-01-02T03:00:00.000000Z",
        "updated": "2025-01-02T04:00:00.000000Z",
        "path": message["filepath"],
        "messages": 2,
    }
    assert "conversation" not in message


def test_content_goes_before_text(write: Any, talk: Make, say: Make) -> None:
    """R7: the blocks are shown, and never the text that stands for those which a device could not show."""
    both = say(1, [{"type": "text", "text": "real"}], text=f"flat\n\n{PLACEHOLDER}")
    only_text = say(2, [], text=f"before\n\n{PLACEHOLDER}\n\nafter")
    empty_block = say(3, "", text="kept")
    text = write(talk(1, both, only_text, empty_block)).text
    assert "real" in text and "flat" not in text
    assert "before" in text and "after" in text and "kept" in text
    assert "not supported" not in text


@pytest.mark.parametrize(("thinking", "shown"), [("hide", False), ("fold", True), ("show", True)])
def test_thinking(write: Any, talk: Make, say: Make, thinking: str, shown: bool) -> None:
    """R16: thinking is hidden, folded or shown, in its block as in the tags of old exports."""
    blocks = [
        {"type": "thinking", "thinking": "deep\n\nthought"},
        {"type": "text", "text": "<antThinking>old</antThinking>so"},
    ]
    text = write(talk(1, say(1, blocks)), thinking=thinking).text
    assert ("thought" in text, "old" in text) == (shown, shown)
    assert text.count("<details>") == (2 if thinking == "fold" else 0)
    assert ("> thought" in text) == (thinking == "show")
    assert text.rstrip().endswith("so")


def test_tools_are_paired_by_id_else_by_order(write: Any, talk: Make, say: Make) -> None:
    """R16: a result stands with the use that its id names, else with the first of its name that has none."""
    blocks = [
        tool("search", {"q": "one"}, id="a"),
        tool("search", {"q": "two"}, id="b"),
        result("second", tool_use_id="b"),
        result("first", tool_use_id="a"),
        tool("run", {"q": "three"}, id=None),
        tool("run", {"q": "four"}),
        result("third", name="run", tool_use_id=None),
        result("fourth", name="run"),
        result("alone", name="other"),
    ]
    text = write(talk(1, say(1, blocks))).text
    places = [
        text.index(word) for word in ("one", "first", "two", "second", "three", "third", "four", "fourth", "alone")
    ]
    assert places == sorted(places)
    assert text.count("<details>") == 5
    hidden = write(talk(1, say(1, blocks)), tools="hide").text
    assert "first" not in hidden and "alone" not in hidden


def test_tool_input_of_many_lines_can_be_read(write: Any, talk: Make, say: Make) -> None:
    """R16: code that a tool was given stands as code, in a fence longer than any in it."""
    text = write(talk(1, say(1, [tool("run", {"code": "a\n```\nb", "n": 1})]))).text
    assert "````\na\n```\nb\n````" in text
    assert '"n": 1' in text


def test_unknown_block_is_kept_and_counted(write: Any, talk: Make, say: Make) -> None:
    """R16: a block of an unknown type is kept as JSON and counted; a token budget says nothing."""
    done = write(talk(1, say(1, [{"type": "hologram", "x": [1]}, {"type": "token_budget", "remaining": None}])))
    assert "Block of type hologram" in done.text and '"x": [\n    1\n  ]' in done.text
    assert "token" not in done.text
    assert done.counts["unknown_blocks"] == {"hologram": 1}
    assert len(done.problems) == 1


@pytest.mark.parametrize(
    "text",
    ["```python\nx", "a\n~~~\nb", "````\n```\nx", "  ```\nx", "```\nx\n``", "`````\n```\n````\nx", "```\na\n```\n```b"],
)
def test_open_fence_does_not_swallow_what_follows(write: Any, talk: Make, say: Make, text: str) -> None:
    """R26: a code fence that a message leaves open ends with the message."""
    page = write(talk(1, say(1, text), say(2, "after"))).text
    assert headings_outside_fences(page)[-1].startswith("## Human · 2025-01-02 03:02")


@pytest.mark.parametrize(
    "text", ["```\nx\n```", "use ``` here", "```a``` b", "- ```\n  x\n  ```", "> ```\n> x", "1. ```\n   x"]
)
def test_closed_fence_stays_as_it_is(write: Any, talk: Make, say: Make, text: str) -> None:
    """R26: a text whose fences are closed, or end with their list or quotation, is not changed."""
    assert f"\n\n{text}\n\n## Human" in write(talk(1, say(1, text), say(2, "after"))).text


def headings_outside_fences(page: str) -> list[str]:
    """Return the headings that a Markdown reader sees: those outside fenced code."""
    fence, found = "", []
    for line in page.splitlines():
        mark = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = mark[1]
        elif line.startswith("## "):
            found.append(line)
    return found


@given(
    st.lists(
        st.lists(st.sampled_from(["```", "````", "~~~", "```py", "x", "", " ```", "a ``` b", "`````"]), max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_all_headings_are_seen_whatever_the_texts(texts: list[list[str]]) -> None:
    """R26: whatever fences messages hold, every message has its heading outside of code."""
    messages = [
        {"uuid": str(number), "sender": "human", "content": [{"type": "text", "text": "\n".join(lines)}]}
        for number, lines in enumerate(texts)
    ]
    formatter = MarkdownFormatter()
    formatter.start()
    given_ = {"conversation": {"uuid": "c", "name": "x", "chat_messages": messages}, "source": {"key": "c"}}
    (made,) = formatter.process(given_)
    assert len(headings_outside_fences(made["content"])) == len(texts)


@pytest.mark.parametrize("opened", ["<!-- note", "x\n<pre>\ny", "<script>\nlet a", "<?xml", "<![CDATA[ x", "<STYLE>a"])
def test_open_html_does_not_swallow_what_follows(write: Any, talk: Make, say: Make, opened: str) -> None:
    """R26: a comment or an element of raw text that a message leaves open ends with the message."""
    closings = {"<!--": "-->", "<pre": "</pre>", "<scr": "</script>", "<?xm": "?>", "<![C": "]]>", "<STY": "</STYLE>"}
    closing = next(end for start, end in closings.items() if start in opened)
    text = write(talk(1, say(1, opened), say(2, "after"))).text
    assert f"{opened}\n{closing}\n\n## Human" in text
    fenced = f"```html\n{opened}\n```"
    assert f"{fenced}\n\n## Human" in write(talk(1, say(1, fenced), say(2, "after"))).text


def test_html_can_be_escaped(write: Any, talk: Make, say: Make) -> None:
    """R26: with `html` set to `escape`, raw HTML is shown as written, and code and links stay as they are."""
    text = "<b>x</b> 1 < 2 `<i>` <https://example.org>\n\n```html\n<u>\n```\n\n<!-- c"
    page = write(talk(1, say(1, text)), html="escape").text
    assert "&lt;b>x&lt;/b> 1 < 2 `<i>` <https://example.org>\n\n```html\n<u>\n```\n\n&lt;!-- c\n" in page


TITLES = [
    "a: b",
    '"q"',
    "# no",
    "- item",
    "line\nbreak",
    "🧪 emoji",
    "שלום",
    "null",
    "2024-01-01",
    "\x85\u2028x",
    "a\x7f",
    "'",
]


@pytest.mark.parametrize("title", TITLES)
def test_front_matter_gives_back_the_title(write: Any, talk: Make, title: str) -> None:
    """R12: a YAML parser reads from the front matter the very texts that went in."""
    page = write(talk(1, name=title, summary=title)).page
    values = yaml.safe_load(page.split("\n---\n")[0])
    assert values["title"] == " ".join(title.split())
    assert values["summary"] == title
    assert values["created"] == "2025-01-02T03:00:00.000000Z"
    assert values["messages"] == 2


@given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_front_matter_round_trip(values: dict[str, str]) -> None:
    """R12: any text comes back from the front matter as it was."""
    block = front_matter(values)
    assert yaml.safe_load(block.removeprefix("---\n").removesuffix("\n---")) == values


def test_title_falls_back(write: Any, talk: Make, say: Make) -> None:
    """R34: without a name the summary is the title, then the first question, then the id."""
    assert "# In short" in write(talk(1, name="", summary="In\nshort")).page
    assert "# hello" in write(talk(1, name="")).page
    assert "# untitled-00100000" in write(talk(1, say(1, ""), name="")).page
    assert list(write(talk(1, say(1, ""), name="???")).files) == ["2025/01/2025-01-02-untitled-00100000-00100000.md"]


def test_empty_messages_and_conversations(write: Any, talk: Make, say: Make) -> None:
    """R34: a message without text says so; a conversation without messages is left out and counted, or kept."""
    assert "*(no text)*" in write(talk(1, say(1, ""))).text
    nothing = write(talk(1, chat_messages=[]), {"uuid": "x", "name": "y"})
    assert nothing.files == {}
    assert nothing.counts["empty"] == 2
    assert "*(no messages)*" in write(talk(1, chat_messages=[]), keep_empty=True).page


@pytest.mark.parametrize(
    "change",
    [
        {"chat_messages": {"0": {"uuid": "a", "text": "x"}}},
        {"chat_messages": "none"},
        {"chat_messages": [None, 3, {"uuid": "a", "content": "just text"}]},
        {"created_at": 1735787000, "updated_at": "yesterday"},
        {"name": 5, "summary": ["x"], "uuid": 7},
        {
            "chat_messages": [
                {"uuid": ["odd"], "content": {"type": "text", "text": {"a": 1}}, "sender": 5, "created_at": {}}
            ]
        },
        {"chat_messages": [{"content": [None, "text", 4, {"type": None}], "attachments": {}, "files": ["x", None]}]},
        {"chat_messages": [{"content": [{"type": "tool_use", "input": "x"}, {"type": "tool_result", "content": 3}]}]},
        {
            "chat_messages": [
                {"content": [{"type": "tool_use", "name": 4, "input": [1]}, {"type": "thinking", "thinking": 5}]}
            ]
        },
        {
            "chat_messages": [
                {"text": 5, "attachments": [{"file_name": None, "extracted_content": 7, "file_size": "x"}]}
            ]
        },
    ],
)
@pytest.mark.parametrize("form", ["conversation", "message"])
def test_wrong_types_are_tolerated(write: Any, talk: Make, change: dict[str, Any], form: str) -> None:
    """R38: a field of a wrong type costs at most itself."""
    done = write(talk(1, **change), form=form, keep_empty=True, artifacts="all", attachments="both")
    assert done.files or form == "message"


def test_duplicate_messages(write: Any, talk: Make, say: Make) -> None:
    """R38: of messages with the same id the first counts, and the others are reported."""
    done = write(talk(1, say(1, "first"), say(1, "second"), say(2, "third")))
    assert "first" in done.text and "third" in done.text and "second" not in done.text
    assert "comes twice" in done.problems[0]["text"]


def test_times(write: Any, talk: Make, say: Make) -> None:
    """R27: times of any form become UTC in front matter; pages show the chosen zone; a bad time stays as it is."""
    one = talk(1, say(1, created_at="2025-07-01T23:30:00+00:00"), created_at=1751412600.5, updated_at="soon")
    done = write(one, time_zone="Europe/Rome")
    assert 'created: "2025-07-01T23:30:00.500000Z"' in done.page
    assert 'updated: "soon"' in done.page
    assert "## Human · 2025-07-02 01:30" in done.page
    assert next(iter(done.files)).startswith("2025/07/2025-07-02-")
    assert "is no time" in done.problems[0]["text"]


def branched(talk: Make, say: Make, **more: Any) -> dict[str, Any]:
    """Return a conversation whose first answer was retried, and whose second question was edited."""
    ids = [say(number)["uuid"] for number in range(8)]
    return talk(
        1,
        say(1, "q1", parent_message_uuid=ROOT),
        say(2, "a1", "assistant", parent_message_uuid=ids[1]),
        say(3, "a1 again", "assistant", parent_message_uuid=ids[1]),
        say(4, "q2", parent_message_uuid=ids[3]),
        say(5, "a2", "assistant", parent_message_uuid=ids[4]),
        say(6, "q2 edited", parent_message_uuid=ids[2]),
        **more,
    )


def test_active_branch(write: Any, talk: Make, say: Make) -> None:
    """R13: the active branch is the one that the export names, else the newest; the page says what it leaves out."""
    done = write(branched(talk, say))
    assert re.findall(r"\n\n([qa]\d.*)\n", done.text) == ["q1", "a1", "q2 edited"]
    assert "*3 messages are on other branches, and not shown here*" in done.page
    assert done.counts["messages"] == done.counts["messages_written"] + done.counts["other_branches"] == 6
    named = write(branched(talk, say, current_leaf_message_uuid=say(5)["uuid"]))
    assert re.findall(r"\n\n([qa]\d.*)\n", named.text) == ["q1", "a1 again", "q2", "a2"]


def test_all_branches_on_one_page(write: Any, talk: Make, say: Make) -> None:
    """R13: with all branches each message is there once, under the number of its branch."""
    text = write(branched(talk, say), branches="all").text
    assert re.findall(r"branch (\d)\n\n(.*)\n", text) == [
        ("1", "q1"), ("1", "a1"), ("1", "q2 edited"), ("2", "a1 again"), ("2", "q2"), ("2", "a2"),
    ]  # fmt: skip


def test_branches_as_files(write: Any, talk: Make, say: Make) -> None:
    """R13: as files, every branch has its page, the active one's under the plain name."""
    done = write(branched(talk, say), branches="files")
    active, other = done.files
    assert other == active.replace(".md", ".branch-2.md")
    assert "q2 edited" in done.files[active] and "a2" in done.files[other]
    assert done.messages[0]["source"]["parts"] == 2


def test_broken_trees_end_in_a_warning(write: Any, talk: Make, say: Make) -> None:
    """R13: circles and parents that are not there are warned of, and every message is shown."""
    ids = [say(number)["uuid"] for number in range(5)]
    circle = talk(1, say(1, "m1", parent_message_uuid=ids[2]), say(2, "m2", parent_message_uuid=ids[1]))
    done = write(circle, branches="all")
    assert "m1" in done.text and "m2" in done.text
    assert "circle" in done.problems[0]["text"]
    dangling = talk(1, say(1, "m1"), say(2, "m2", parent_message_uuid="gone"), say(3, "m3", parent_message_uuid=ids[2]))
    done = write(dangling)
    assert "m1" in done.text and "m3" in done.text
    assert "not there" in done.problems[0]["text"]


@given(st.lists(st.integers(-2, 7), min_size=1, max_size=8))
def test_any_parents_give_each_message_once(parents: list[int]) -> None:
    """R13: whatever parents messages name, all branches together have each message exactly once."""
    names = {-1: ROOT, -2: "gone"}
    messages = [
        {"uuid": str(place), "content": f"text {place}.", "parent_message_uuid": names.get(parent, str(parent))}
        for place, parent in enumerate(parents)
    ]
    formatter = MarkdownFormatter(branches="all")
    formatter.start()
    one = {"uuid": "c", "name": "x", "chat_messages": messages}
    (made,) = formatter.process({"conversation": one, "source": {"key": "c"}})
    assert all(made["content"].count(f"text {place}.") == 1 for place in range(len(parents)))


def artifact(command: str, **given: Any) -> dict[str, Any]:
    """Return the use of the tool `artifacts`."""
    return tool("artifacts", {"command": command, "id": "tool", **given})


def versions(talk: Make, say: Make) -> dict[str, Any]:
    """Return a conversation with an artifact made, changed, wrongly changed and written anew."""
    made = artifact("create", type="application/vnd.ant.code", language="python", title="Tool", content="a = 1\n")
    return talk(
        1,
        say(1, [made], "assistant"),
        say(2, [artifact("update", old_str="1", new_str="2")], "assistant"),
        say(3, [artifact("update", old_str="nowhere", new_str="3")], "assistant"),
        say(4, [artifact("rewrite", content="b = 4\n")], "assistant"),
    )


def test_artifact_versions_as_files(write: Any, talk: Make, say: Make) -> None:
    """R14: every version is a file; a change that does not fit keeps the version before, with a warning."""
    done = write(versions(talk, say), artifacts="all")
    folder = f"artifacts/{talk(1)['uuid']}"
    made = {path.removeprefix(f"{folder}/"): content for path, content in done.files.items() if path.startswith(folder)}
    assert made == {"tool.v1.py": "a = 1\n", "tool.v2.py": "a = 2\n", "tool.v3.py": "a = 2\n", "tool.v4.py": "b = 4\n"}
    assert f"](../../{folder}/tool.v2.py)" in done.page
    assert done.messages[0]["source"]["parts"] == 5
    assert "is not in it" in done.problems[0]["text"]


def test_artifact_latest_inline_none(write: Any, talk: Make, say: Make) -> None:
    """R14: only the last version as a file, with all links to it; or code in the page; or only a name."""
    latest = write(versions(talk, say), artifacts="latest")
    assert [path.rpartition("/")[2] for path in latest.files if "artifacts/" in path] == ["tool.v4.py"]
    assert latest.page.count("tool.v4.py)") == 4
    inline = write(versions(talk, say)).text
    assert "**Artifact: Tool**\n\n```python\na = 1\n```" in inline
    assert "```diff\n-1\n+2\n```" in inline
    assert "a = 1" not in write(versions(talk, say), artifacts="none").text


def test_artifact_tags(write: Any, talk: Make, say: Make) -> None:
    """R14: tags count in any case of letters, and unclosed, but not in a code fence."""
    text = (
        'see <ANTARTIFACT identifier="a/../b" type="text/markdown" title="Doc">\n```\ncode\n</antartifact> and\n'
        '```\n<antArtifact identifier="no">fenced</antArtifact>\n```\n'
        '<antArtifact identifier="c" type="text/html">\n<b>x'
    )
    done = write(talk(1, say(1, text, "assistant")), artifacts="all")
    names = {path.rpartition("/")[2]: content for path, content in done.files.items() if "artifacts/" in path}
    assert names == {"a_.._b.v1.md": "```\ncode\n", "c.v1.html": "<b>x\n"}
    assert '<antArtifact identifier="no">' in done.page


def test_files_that_were_made(write: Any, talk: Make, say: Make) -> None:
    """R14: `create_file` and `str_replace` make versions of a file, named after its path."""
    blocks = [
        tool("create_file", {"path": "/home/app/main.py", "file_text": "x = 1\n", "description": "d"}),
        tool("str_replace", {"path": "/home/app/main.py", "old_str": "x", "new_str": "y"}),
        tool("str_replace", {"path": "/home/app/other", "old_str": "x", "new_str": "y"}),
    ]
    done = write(talk(1, say(1, blocks, "assistant")), artifacts="all")
    names = {path.rpartition("/")[2]: content for path, content in done.files.items() if "artifacts/" in path}
    assert names == {
        "home_app_main.py.v1.py": "x = 1\n",
        "home_app_main.py.v2.py": "y = 1\n",
        "home_app_other.v1.txt": "y",
    }


def attached(say: Make, number: int, *files: tuple[Any, str]) -> dict[str, Any]:
    """Return a message with attachments."""
    listed = [{"file_name": name, "file_size": 5300, "extracted_content": content} for name, content in files]
    return say(number, "see", attachments=listed, files=[{"file_name": "pic.png"}, {"file_name": None}])


def test_attachments(write: Any, talk: Make, say: Make) -> None:
    """R15: the text of an attachment is folded in the page, in a fence that holds it; files without it are named."""
    text = write(talk(1, attached(say, 1, ("a.md", "```\ncode\n")))).text
    assert "**Attachment:** a.md (5.3 kB)" in text
    assert "<summary>Content of a.md</summary>\n\n````\n```\ncode\n````" in text
    assert "**File:** pic.png (not in the export)" in text
    assert "code" not in write(talk(1, attached(say, 1, ("a.md", "code"))), attachments="list").text


def test_attachments_as_files(write: Any, talk: Make, say: Make) -> None:
    """R15: as files, attachments are linked from the page, and the same content is stored once."""
    one = talk(1, attached(say, 1, ("a b.txt", "one"), ("A B.txt", "two")), attached(say, 2, ("other.txt", "one")))
    done = write(one, attachments="files")
    folder = f"attachments/{one['uuid']}/{say(1)['uuid']}"
    stored = {path: content for path, content in done.files.items() if path.startswith("attachments")}
    assert stored == {f"{folder}/a b.txt": "one", f"{folder}/A B-2.txt": "two"}
    assert done.page.count(f"](../../{folder}/a%20b.txt)") == 2


HOSTILE = [
    "../../x",
    "/etc/passwd",
    "C:\\x",
    "a/b",
    "",
    None,
    "x" * 300 + ".txt",
    "con.txt",
    "..",
    "NUL",
    "a\x00b",
    "a:b",
    7,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_folder(write: Any, talk: Make, say: Make, name: Any) -> None:
    """R33: no name of an attachment or artifact, and no id, leads out of the target or is too long."""
    made = tool("artifacts", {"command": "create", "id": name, "content": "x", "title": name})
    message = say(1, [made], uuid=name, attachments=[{"file_name": name, "extracted_content": "x"}])
    done = write(talk(1, message, uuid=name, name=name), artifacts="all", attachments="files")
    assert len(done.files) == 3
    for path in done.files:
        parts = path.split("/")
        assert not path.startswith("/")
        assert not {"..", ".", ""} & set(parts)
        assert all(len(part.encode()) <= 255 and not re.search(r'[\x00-\x1f:\\<>"|?*]', part) for part in parts)
        assert not any(re.match(r"(?i)(con|nul)(\.|$)", part) for part in parts)


def test_paths_are_never_shared(write: Any, talk: Make) -> None:
    """R31, R41: two conversations that would get the same path get two."""
    done = write(talk(1, name="Same"), talk(2, name="same"), talk(3, name="Same"), path="{title}.md")
    assert len({path.casefold() for path in done.files}) == 3


def test_layout(write: Any, talk: Make, say: Make) -> None:
    """R10: a path is made of any fields of a conversation or a message."""
    path = "{provider}/{created:%Y-%b}/{messages}-{name}-{uuid:4}.md"
    assert list(write(talk(1), path=path).files) == ["claude/2025-Jan/2-Talk 1-0010.md"]
    per_message = write(talk(1), form="message", path="{title}/{index:3}-{sender}.md")
    assert list(per_message.files) == ["talk-1/001-human.md", "talk-1/002-assistant.md"]
    assert list(write(talk(1, created_at=""), path="{created:%Y}/{created:%m}/{uuid:3}.md").files) == ["undated/001.md"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{titel}.md", "did you mean {title}"),
        ("{uuid:x}.md", "number of characters"),
        ("{uuid", "no template"),
        ("{message.uuid}", "no field"),
    ],
)
def test_wrong_layout_is_refused(path: str, said: str) -> None:
    """R10: a template that cannot be meant is refused before anything is written, with what would be right."""
    with pytest.raises(TransmissionsError) as error:
        MarkdownFormatter(path=path).start()
    assert said in str(error.value)


def test_wrong_zone_is_refused() -> None:
    """R27: an unknown time zone is refused with an example of a right one."""
    with pytest.raises(TransmissionsError, match="Europe/Rome"):
        MarkdownFormatter(time_zone="Nowhere").start()


def test_sources_of_citations_are_linked(write: Any, talk: Make, say: Make) -> None:
    """The pages that an answer cites are linked below it, each once."""
    cited = {"details": {"type": "web_search_citation", "url": "https://example.org/a"}}
    blocks = [{"type": "text", "text": "so", "citations": [cited, cited, {}]}]
    assert "so\n\nSources: <https://example.org/a>" in write(talk(1, say(1, blocks))).text
