"""The processors that ship with Transmissions; the engine finds them through the entry-point group."""

OF_TRANSMISSIONS_ENGINE = True
"""Tells this package from an unrelated one of the same name."""
