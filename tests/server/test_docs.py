"""The page on the server says what is so: its example runs, and it names what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.server.conftest import TOKEN, Client
from transmissions.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "server.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("end", ["", "/"])
def test_the_example_runs(client: Client, capsys: pytest.CaptureFixture[str], end: str) -> None:
    """It starts a run, follows it to its end, and what it asserts holds, with the printed address, too."""
    [example] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    address = f"http://127.0.0.1:{client.port}{end}"
    exec(compile(example, "docs/server.md", "exec"), {"ADDRESS": address, "TOKEN": TOKEN})
    assert capsys.readouterr().out.splitlines()[-1].endswith(" end")


def test_every_path_of_the_api_is_in_the_table(client: Client) -> None:
    """What the OpenAPI document has, the page has."""
    for path, methods in client.get("/openapi.json").json["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path.replace('{job}', 'JOB')}`" in PAGE


def test_the_options_of_its_commands_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Every option that the page names is one of `trans serve`, but for those of other programs."""
    blocks = re.finditer(r"^```(\w+)\n.*?^```$", PAGE, re.DOTALL | re.MULTILINE)
    ours = PAGE
    for block in blocks:
        ours = ours if block[1] == "sh" else ours.replace(block[0], "")
    assert main(["serve", "--help"]) == 0
    told = capsys.readouterr().out
    for option in set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", ours)) - {"--job", "--user", "--now"}:
        assert f"{option} " in told, option


def test_the_commands_of_the_page_on_jobs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In their order, in a store of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRANSMISSIONS_JOBS", str(tmp_path / "jobs.sqlite"))
    text = (DOCS / "jobs.md").read_text(encoding="utf-8")
    for line in "".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    assert capsys.readouterr().out.endswith("1 removed\n")
