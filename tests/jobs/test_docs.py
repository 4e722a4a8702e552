"""The page on jobs says what is so: its examples run, and it names all that the library offers."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

import transmissions.jobs
from tests.jobs.conftest import when
from transmissions.jobs import JobError, JobStatus, Outcome

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example runs, what it asserts holds, and it leaves no thread behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = threading.active_count()
    exec(compile(EXAMPLES[number], "docs/jobs.md", "exec"), {})
    when(lambda: threading.active_count() <= before)


def test_every_name() -> None:
    """The page names what `transmissions.jobs` offers to whoever uses jobs, each status and each outcome."""
    told_by_what_returns_them = {"Appended", "Attached", "Begun", "Cleaned", "Created", "Job", "JobEvent", "Snapshot"}
    for name in set(transmissions.jobs.__all__) - told_by_what_returns_them:
        assert re.search(rf"`(\w+\.)?{name}\b", PAGE), name
    for status in JobStatus:
        assert str(status) in PAGE
    for outcome in (Outcome.SETTLED, Outcome.STALE, Outcome.NOT_FOUND):
        assert f"`{outcome.name}`" in PAGE


def test_every_name_can_be_imported() -> None:
    """Each is there, says what it is for, and is sorted among the others."""
    names = transmissions.jobs.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    for name in names:
        value = getattr(transmissions.jobs, name)
        assert name.isupper() or (value.__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        transmissions.jobs.Nothing  # noqa: B018


def test_every_error_is_exported() -> None:
    """Whoever uses the library finds all its errors beside the stores."""
    for error in JobError.__subclasses__():
        assert getattr(transmissions.jobs, error.__name__) is error
