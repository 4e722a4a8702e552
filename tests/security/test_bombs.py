"""Bombs: small inputs that ask for much are refused or reported, in little memory and without a traceback."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import transmissions
from transmissions.cli import main

GOOD = json.dumps({"uuid": "good", "name": "Good", "chat_messages": [{"uuid": "m", "text": "Hello."}]}).encode()
OPENING = b'{"uuid": "bad", "name": "Bad", "chat_messages": '


def convert(export: Path, *options: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, int, str]:
    """Return the exit code, how many pages there are, and what was said."""
    out = export.parent / "out"
    code = main(["run", "claude-archive", str(export), str(out), *options])
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return code, len([path for path in out.rglob("*.md") if path.name != "index.md"]), said


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b'[{"uuid": "m", "content": [{"type": "new", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}]}]}",
    ],
    ids=["lists", "objects", "a block"],
)
def test_json_that_is_nested_too_deep(bomb: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Depth that no parser follows costs its conversation and no other, and is reported."""
    (tmp_path / "export.json").write_bytes(b"[" + OPENING + bomb + b"," + GOOD + b"]")
    code, pages, said = convert(tmp_path / "export.json", capsys=capsys)
    assert (code, pages) == (2, 1)
    assert "a conversation is not JSON" in said


def test_json_as_deep_as_a_parser_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What can just be parsed can be written, too."""
    deep = b'[{"uuid": "m", "content": [{"type": "new", "x": ' + b"[" * 950 + b"]" * 950 + b"}]}]}"
    (tmp_path / "export.json").write_bytes(b"[" + OPENING + deep + b"," + GOOD + b"]")
    assert convert(tmp_path / "export.json", capsys=capsys)[:2] == (0, 2)


def test_a_line_of_any_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A conversation beyond the limit is passed by without being held, and the next one is read."""
    long = OPENING + b'"' + b"x" * 8_000_000 + b'"}'
    (tmp_path / "export.json").write_bytes(b"[" + long + b"," + GOOD + b"]")
    limit = ["-s", "read.max-conversation-bytes=100000"]
    code, pages, said = convert(tmp_path / "export.json", *limit, capsys=capsys)
    assert (code, pages) == (2, 1)
    assert ":maxConversationBytes" in said


@pytest.mark.parametrize("nested", [False, True])
def test_a_zip_bomb(nested: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A member that is compressed as only a bomb is, also as a zip file in a zip file, is not read; the rest is."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("z.json", b"[" + b" " * 20_000_000 + b"]")
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + GOOD + b"]")
        if nested:
            archive.write(bomb, "inner.zip")
        else:
            archive.writestr("z.json", b"[" + b" " * 20_000_000 + b"]")
    code, pages, said = convert(tmp_path / "export.zip", capsys=capsys)
    assert (code, pages) == (2, 1)
    assert ":maxRatio" in said


@pytest.mark.parametrize(
    "bomb",
    ["[" * 5000 + "]" * 5000, "(" * 5000 + ")" * 5000, "[ :b " * 5000, '"' + "x" * 5_000_000 + '"'],
    ids=["nodes", "lists", "open nodes", "a text of 5 MB"],
)
def test_turtle_that_asks_for_too_much(bomb: str, tmp_path: Path) -> None:
    """Depth and size that no pipeline has are refused at their place, as one error."""
    prefix = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
    file = tmp_path / "bomb.ttl"
    file.write_text(f"{prefix}:p a :Transmission ; :pipe (:a) . :a a :NOP ; :settings {bomb} .")
    with pytest.raises(transmissions.InvalidPipeline) as refused:
        transmissions.load(file)
    (problem,) = refused.value.problems
    assert "nested too deeply" in problem.hint or "larger than 4 MB" in problem.message


NINES = "9" * 5000


@pytest.mark.parametrize(
    "stage",
    [
        f":a a :ForEach ; :settings [ :limit {NINES} ] .",
        f':a a :ForEach ; :settings [ :limit "{NINES}" ] .',
        ":a a :ForEach ; :settings [ :limit 1e400 ] .",
        ':a a :ForEach ; :settings [ :delay "nan" ] .',
        ":a a :ForEach ; :settings [ :delay 1e400 ] .",
        ':a a :RunProgram ; :settings [ :program "sort" ; :timeout "PT1e999S" ] .',
        f":a a :HttpClient ; :settings [ :attempts {NINES[:30]} ] .",
        f':a a :SetField ; :settings [ :field "items.{NINES}" ; :value 1 ] .',
        f':a a :SetField ; :settings [ :field "{"a." * 20_000}a" ; :value 1 ] .',
        f':a a :Restructure ; :settings [ :rename ( [ :pre "items.{NINES}" ; :post "x" ] ) ] .',
    ],
    ids=lambda stage: stage[:70],
)
def test_numbers_and_paths_without_end(stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number or a path that is larger than any use is an error of the pipeline or of its stage, in words."""
    prefix = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
    (tmp_path / "p.ttl").write_text(f"{prefix}:p a :EntryTransmission ; :pipe (:a :b) . :b a :NOP . {stage}")
    words = ["run", str(tmp_path / "p.ttl"), "-m", '{"items": [1]}', "--messages", str(tmp_path / "left.jsonl")]
    assert main(words) in (1, 2)
    said = capsys.readouterr().err
    assert "p.ttl:2:" in said
    assert "unexpected" not in said
