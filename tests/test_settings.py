"""What a class may declare as its settings, and what becomes of the values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from transmissions import Processor, setting
from transmissions.errors import SettingError


@dataclass(frozen=True)
class Rule:
    """A record whose fields have defaults of both kinds."""

    name: str
    tags: list[str] = field(default_factory=list)
    strict: bool = False


class Many(Processor):
    """A setting of each kind."""

    flag: bool = setting(False)
    limit: int | None = setting(5, minimum=0)
    names: list[str] = setting(())
    mode: Literal["a", "b"] = setting("a")
    rules: list[Rule] = setting(())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"flag": "false"}, False), ({"flag": "True"}, True), ({"flag": 0}, False), ({"limit": None}, None),
        ({"limit": "0"}, 0), ({"names": "one"}, ["one"]), ({"names": []}, []), ({"mode": "b"}, "b"),
        ({"rules": {"name": "x"}}, [Rule("x")]), ({"rules": [{"name": "x", "tags": "t"}]}, [Rule("x", ["t"])]),
    ],
)  # fmt: skip
def test_values_become_the_declared_type(given: dict[str, Any], expected: object) -> None:
    """Text is converted, one value becomes a list where several may be given, and a node becomes its record."""
    [name] = given
    assert getattr(Many(**given), name) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"flag": "maybe"}, {"flag": None}, {"limit": True}, {"limit": -1}, {"limit": "2.5"}, {"limit": 2.5},
        {"limit": float("inf")}, {"names": [None]}, {"names": None}, {"mode": "c"}, {"rules": "x"},
        {"rules": {"strict": True}}, {"rules": {"name": "x", "other": 1}},
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(given: dict[str, Any]) -> None:
    """What is of another kind, out of bounds or incomplete raises SettingError."""
    with pytest.raises(SettingError):
        Many(**given)


def test_a_subclass_may_settle_a_setting() -> None:
    """A plain value in a subclass goes before the default, and is a setting no more."""

    class Settled(Many):
        """Settle."""

        limit = 7

    assert Settled().limit == 7
    assert "limit" not in Settled.settings()


@pytest.mark.parametrize("name", ["start", "process", "report", "context", "outputs"])
def test_a_setting_cannot_take_the_name_of_what_every_processor_has(name: str) -> None:
    """A setting called `start` would be called as the phase of that name; the class is refused with its name."""
    cls: type[Processor] = type("Taken", (Processor,), {"__annotations__": {name: "int"}, name: setting(0)})
    with pytest.raises(TypeError, match=f"setting {name} of Taken: every processor has"):
        cls()


class Numbered(Processor):
    """A choice of numbers."""

    level: Literal[1, 2] = setting(1)


def test_the_choices_of_a_setting_are_texts() -> None:
    """A Literal of numbers, which no value would ever equal, is refused."""
    with pytest.raises(TypeError, match="setting level: the choices of a Literal are texts"):
        Numbered.settings()


def test_bounds_are_written_in_full() -> None:
    """However large a bound is, what is expected names it as a person writes it."""

    class Bounded(Processor):
        """Two bounds."""

        size: int = setting(1 << 30, minimum=1 << 28)
        share: float = setting(0.5, minimum=0.001, maximum=1)

    expected = {name: one.expected for name, one in Bounded.settings().items()}
    assert expected["size"] == "a whole number, 268435456 or more"
    assert expected["share"].endswith("from 0.001 to 1")


def test_a_default_fits_its_declaration() -> None:
    """A default that a person could not set is refused when the class is used."""

    class Own(Processor):
        limit: int = setting("abc", "how many", minimum=3)  # type: ignore[assignment]

    with pytest.raises(TypeError, match="the default of setting limit must be a whole number, 3 or more, got 'abc'"):
        Own.settings()
