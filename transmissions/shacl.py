"""The validator of SHACL, without what it loads for others: pyoxigraph, wherever that is installed.

pyshacl can validate graphs that pyoxigraph stores, and so imports it with itself. Ours are rdflib's; without it a run
starts 20 ms sooner and is 12 MB smaller (pyshacl 0.40).
"""

from __future__ import annotations

import sys

__all__ = ["validate"]

_FOR_OTHERS = "pyoxigraph"
_hidden = _FOR_OTHERS not in sys.modules
if _hidden:
    # A name that stands for nothing is one that cannot be imported.
    sys.modules[_FOR_OTHERS] = None  # type: ignore[assignment]
try:
    from pyshacl import validate
finally:
    if _hidden:
        del sys.modules[_FOR_OTHERS]
