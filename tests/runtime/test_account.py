"""A run's accounts: that what does not add up is found."""

from __future__ import annotations

from collections.abc import Callable

from transmissions import Pipeline, Status
from transmissions.runtime.account import differences
from transmissions.runtime.inlet import Inlet
from transmissions.runtime.result import StageStatistics
from transmissions.streams import EventStream


def test_a_stage_that_lost_a_message_is_found() -> None:
    """Received is passed, filtered and failed; one missing is a difference that names the stage."""
    whole = StageStatistics("a", "A", received=6, passed=3, filtered=2, failed=1)
    lossy = StageStatistics("b", "B", received=6, passed=3, filtered=1, failed=1)
    assert differences([whole], [], {}) == []
    [found] = differences([whole, lossy], [], {})
    assert found.startswith("stage :b: received 6 ")


def test_an_edge_that_lost_or_made_a_message_is_found() -> None:
    """What was emitted is what was sent, and what was sent is received, dropped, or still there."""
    stream = EventStream(10, name="before :b")
    stream.send_batch([{}, {}])
    stream.receive()
    [found] = differences([], [], {-1: Inlet(stream, 1)})
    assert found == "before :b: emitted 0, sent 2"


def test_a_run_whose_counts_do_not_add_up_says_so(build: Callable[..., Pipeline]) -> None:
    """A complete run checks its own counts at the end, and one that lost a message ends with an error."""
    run = build([("a", "Numbers"), ("b", "Pass")]).start()
    # The fault itself: a message that is counted as received, and then nowhere.
    run._stages["b"].statistics.received += 1
    result = run.wait()
    assert result is not None
    assert result.status is Status.ERROR
    assert "stage :b: received 11 = passed 10" in result.error
