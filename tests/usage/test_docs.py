"""What the page on usage shows is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from transmissions import loading
from transmissions.registry import Registry
from transmissions.usage import PriceFile

PAGE = Path(__file__).parents[2] / "docs" / "usage.md"


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_examples_in_python_run(tmp_path: Path) -> None:
    """Every example runs, and what it asserts holds."""
    assert len(blocks("python")) == 3
    for code in blocks("python"):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)


def test_the_tables_and_the_pipeline_are_valid(tmp_path: Path) -> None:
    """The price tables can be read, and the pipeline is valid."""
    (tmp_path / "prices.json").write_text(blocks("json")[0], encoding="utf-8")
    rates = PriceFile.read(tmp_path / "prices.json").rates("claude-sonnet-4-5-20250929", "anthropic", None, 200_001)
    assert rates is not None
    assert rates.as_json()["output"] == "22.5"
    prices, pipeline = blocks("turtle")
    (tmp_path / "prices.ttl").write_text(prices, encoding="utf-8")
    assert PriceFile.read(tmp_path / "prices.ttl").rates("my-model", "", None, 5) is not None
    (tmp_path / "p.ttl").write_text(pipeline, encoding="utf-8")
    definition, problems = loading.check(tmp_path / "p.ttl", Registry())
    assert definition is not None, "\n".join(map(str, problems))
