"""What tests of usage share: whether published prices are installed."""

from __future__ import annotations

import pytest

from transmissions.usage import GenaiPrices


@pytest.fixture
def published() -> GenaiPrices:
    """Return the published prices; the test is skipped without the extra `prices`."""
    if not GenaiPrices.available():
        pytest.skip("needs the extra: pip install 'transmissions-engine[prices]'")
    return GenaiPrices()
