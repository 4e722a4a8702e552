"""The engine knows no processor, and carries pipelines far larger than a person writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import transmissions
from transmissions.registry import Registry

PACKAGE = Path(transmissions.__file__).parent
PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


def words_in_code(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the names and texts of a module, without docstrings and the examples of help pages."""
    spared: set[ast.AST] = set()
    for node in ast.walk(tree):
        examples = isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "_EXAMPLES" for name in node.targets)
        if examples or isinstance(node, ast.Expr):
            spared.update(one for one in ast.walk(node) if isinstance(one, ast.Constant) and not _is_call(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in spared:
            yield from ((node.lineno, word) for word in re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Name | ast.Attribute):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)


def test_the_engine_knows_no_processor_by_name() -> None:
    """No module of the engine names a bundled processor in its code, so that one's own is as good as any."""
    names = {name for name in Registry().names() if Registry().find(name).__module__.startswith("processors.")}
    names.remove("Example")  # also the heading of a part of docstrings
    assert len(names) > 10
    for file in PACKAGE.rglob("*.py"):
        found = [(line, word) for line, word in words_in_code(ast.parse(file.read_text("utf-8"))) if word in names]
        assert not found, f"{file}: {found}"


@pytest.mark.parametrize(
    ("pipes", "messages"),
    [
        ([[f"s{n}" for n in range(1200)]], 1),
        ([["first", *(f"b{branch}x{n}" for n in range(20)), "last"] for branch in range(100)], 100),
    ],
    ids=["a chain longer than Python's stack is deep", "a fan-out of 100, 2,002 stages"],
)
def test_large_pipelines_load_and_run(tmp_path: Path, pipes: list[list[str]], messages: int) -> None:
    """A long chain and a wide fan-out of thousands of stages load, and every message arrives on every branch."""
    stages = dict.fromkeys(stage for pipe in pipes for stage in pipe)
    file = tmp_path / "large.ttl"
    pipe = ", ".join("(" + " ".join(f":{stage}" for stage in one) + ")" for one in pipes)
    file.write_text(f"{PREFIX}:p a :Transmission ; :pipe {pipe} .\n" + "".join(f":{one} a :NOP .\n" for one in stages))
    pipeline = transmissions.load(file)
    assert len(pipeline.definition.stages) == len(stages)
    assert list(pipeline.stream(messages={"x": 1})) == [{"x": 1}] * messages
