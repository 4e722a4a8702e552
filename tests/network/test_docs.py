"""The page on the network says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import transmissions

PAGE = (Path(__file__).parents[2] / "docs" / "network.md").read_text(encoding="utf-8")


def test_the_processor_of_the_page_works(web: Any, tmp_path: Path) -> None:
    """The example of a processor that asks the web can be copied."""
    code = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "weigh.py").write_text(code, encoding="utf-8")
    turtle = "@prefix : <http://purl.org/stuff/transmissions/> .\n:p a :Transmission ; :pipe (:w) . :w a :Weigh .\n"
    (tmp_path / "weigh.ttl").write_text(turtle, encoding="utf-8")
    web.answers["/"] = (200, {}, b"12345")
    pipeline = transmissions.load(tmp_path / "weigh.ttl", processors=[tmp_path / "weigh.py"])
    (left,) = pipeline.stream(messages={"url": web.address}, allow_hosts=["127.0.0.1"])
    assert left["bytes"] == 5
