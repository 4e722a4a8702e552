"""The public names of the library."""

from __future__ import annotations

import transmissions.usage as usage


def test_public_names_are_documented() -> None:
    """Every public name can be imported, is listed once, in order, and says what it is for."""
    assert usage.__all__ == sorted(usage.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    for name in usage.__all__:
        value = getattr(usage, name)
        assert isinstance(value, dict) or (value.__doc__ or "").strip(), name
