"""Names: allowed everywhere, leading nowhere else, and different where the texts are."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmissions.output import Output
from transmissions.output.names import safe_name, safe_path, shortened, slug

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
anything = st.text() | st.text(st.sampled_from("a./\\:CONcon123 \0\n數é🧪\u200d\ufe0f"), max_size=300)


@given(anything, st.integers(32, 255))
def test_any_text_becomes_a_safe_name(text: str, most: int) -> None:
    """R31, R32, R33: whatever the text, its name is one component, allowed on all systems and short enough."""
    name = safe_name(text, max_bytes=most)
    assert 0 < len(name.encode()) <= most
    assert not FORBIDDEN.search(name)
    assert not RESERVED.fullmatch(name)
    assert name not in (".", "..")
    assert not name.endswith((".", " "))
    assert unicodedata.normalize("NFC", name) == name


@given(anything)
def test_a_safe_name_stays_as_it_is(text: str) -> None:
    """R31: making a safe name safe changes nothing."""
    assert safe_name(safe_name(text)) == safe_name(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Über 数据.md", "Über 数据.md"),
        ("cafe\u0301", "café"),
        ("../../x", "x"),
        (".\x1f 0", "0"),
        ("0\u3000.", "0"),
        ("./ ./x", "x"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\x", "C_x"),
        ("con", "_con"),
        ("CON.txt", "_CON.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console", "console"),
        ("a. ", "a"),
        ("..", "untitled"),
        ("", "untitled"),
        (None, "untitled"),
        ("a\x00b\nc", "a_b_c"),
    ],
)
def test_names(text: str | None, name: str) -> None:
    """R31, R33: letters of every script stay; what a system forbids, or reads as a place, does not."""
    assert safe_name(text) == name


def test_long_names_differ_where_texts_do() -> None:
    """R32: a cut name keeps its suffix and ends in a hash, so two long texts never get the same name."""
    one, other = ("数" * 200 + end + ".json" for end in "ab")
    names = {safe_name(one), safe_name(other)}
    assert len(names) == 2
    assert all(name.endswith(".json") and len(name.encode()) <= 255 for name in names)


@given(st.text(min_size=1), st.integers(40, 60))
def test_a_cut_ends_between_characters(text: str, most: int) -> None:
    """R32: what is cut is cut between visible characters, never inside one."""
    text = text.encode("utf-8", "ignore").decode()
    assert len(shortened(text, most).encode()) <= most
    family = "👩\u200d👩\u200d👧" * 9
    assert not shortened(family, most).split("-")[0].endswith("\u200d")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello-world"),
        ("  -- ", ""),
        ("Où est-ce: 数据?", "où-est-ce-数据"),
        ("snake_case", "snake-case"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
        ("a 🧪 b", "a-🧪-b"),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    """R10, R31: a slug has the letters and digits of every script, and hyphens."""
    assert slug(text) == expected


@given(anything)
def test_slugs_are_short(text: str) -> None:
    """R32: a slug is short, whatever the text, and begins and ends with no hyphen."""
    made = slug(text)
    assert len(made.encode("utf-8", "replace")) <= 80
    assert made.strip("-") == made
    assert "/" not in made


@given(st.one_of(anything, st.sampled_from([".transmissions", ".Transmissions", ".~trn-x", "..", "con"])))
def test_a_safe_name_is_never_refused(text: str) -> None:
    """R31, R33: what is made safe can be written; the folder of what runs remember and unfinished files are avoided."""
    assert Output(Path()).normalise(f"{safe_name(text)}/{safe_name(text)}")


def test_safe_paths() -> None:
    """R33: a path of any text stays below where it starts."""
    assert safe_path("/a/../b\\con/./c") == "a/b/_con/c"
    assert safe_path("../..") == "untitled"
