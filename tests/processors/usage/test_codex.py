"""The session logs of Codex: what each call used, from running totals that repeat, restart and are copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transmissions import TransmissionsError
from transmissions.registry import Registry

Json = dict[str, Any]
Counts = tuple[int, int, int, int]
PARENT, CHILD = "01997e76-0000-7000-8000-000000000001", "01997e76-0000-7000-8000-000000000002"


def line(kind: str, **payload: Any) -> Json:
    """Return a line."""
    return {"timestamp": "2026-01-02T03:04:05.678Z", "type": kind, "payload": payload}


def session(name: str = PARENT, **more: Any) -> Json:
    """Return the first line of a log."""
    return line("session_meta", id=name, cwd="/home/me/river", **more)


def turn(model: str = "gpt-5-codex") -> Json:
    """Return the line that names the model."""
    return line("turn_context", cwd="/home/me/river", model=model)


def usage(counts: Counts) -> Json:
    """Return counts as Codex writes them: the second is a part of the first, and the fourth of the third."""
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    return {**dict(zip(names, counts, strict=True)), "total_tokens": counts[0] + counts[2]}


def counted(total: Counts, last: Counts | None) -> Json:
    """Return the line that tells of a call."""
    info = {"total_token_usage": usage(total), "model_context_window": 272_000}
    return line("event_msg", type="token_count", info=info | ({"last_token_usage": usage(last)} if last else {}))


def history(*used: Counts) -> list[Json]:
    """Return the lines that tell of calls that used so much."""
    total, lines = (0, 0, 0, 0), []
    for one in used:
        total = (total[0] + one[0], total[1] + one[1], total[2] + one[2], total[3] + one[3])
        lines.append(counted(total, one))
    return lines


def log(path: Path, *lines: Json | str) -> Path:
    """Write a log, one value a line; a text is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (one if isinstance(one, str) else json.dumps(one, separators=(",", ":")) for one in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def reader(*paths: Path) -> Any:
    """Return the processor, ready to read."""
    made: Any = Registry().find("CodexSessions")(source_file=list(paths))
    made.start()
    return made


def calls(*paths: Path) -> list[Json]:
    """Return the usage of the messages that are made of logs."""
    return [message["usage"] for message in reader(*paths).process({})]


def used(found: list[Json]) -> list[Counts]:
    """Return counts as Codex has them."""
    return [
        (one["input"] + one.get("cache_read", 0), one.get("cache_read", 0), one["output"], one.get("reasoning", 0))
        for one in found
    ]


def test_totals_run_and_the_naive_sum_is_wrong(tmp_path: Path) -> None:
    """R22: a call is what the total grew by; cached input is a part of input, reasoning of output."""
    spent = [(3587, 2560, 229, 128), (3984, 3712, 168, 64), (4213, 3968, 81, 0)]
    lines = history(*spent)
    found = calls(log(tmp_path / "a.jsonl", session(), turn(), *lines))
    assert used(found) == spent
    assert found[0]["input"] == 1027
    naive = sum(one["payload"]["info"]["total_token_usage"]["total_tokens"] for one in lines)
    assert naive > sum(one[0] + one[2] for one in spent) == 12262


def test_a_message_says_whose_call_it_was(tmp_path: Path) -> None:
    """A message has usage, model, session, project and time; the call's id is the same at every reading."""
    path = log(tmp_path / "a.jsonl", session(), turn(), *history((10, 4, 3, 1)))
    (message,) = reader(path).process({"from": "start"})
    (again,) = calls(path)
    assert message["usage"] == again
    assert {name: message[name] for name in ("from", "model", "session", "project", "agent", "time")} == {
        "from": "start", "model": "gpt-5-codex", "session": PARENT, "project": "/home/me/river", "agent": "",
        "time": "2026-01-02T03:04:05.678000+00:00",
    }  # fmt: skip
    assert again["provider"] == "openai"


def test_a_count_that_is_repeated_is_no_call(tmp_path: Path) -> None:
    """Codex tells a total again when only its limits changed; a count without numbers tells of no call."""
    one, two = history((10, 4, 3, 1), (20, 8, 6, 2))
    nothing = line("event_msg", type="token_count", info=None)
    path = log(tmp_path / "a.jsonl", session(), turn(), nothing, one, one, two, one | {"timestamp": "x"}, two)
    assert used(calls(path))[:2] == [(10, 4, 3, 1), (20, 8, 6, 2)]
    assert sum(sum(one) for one in used(calls(path))) == 18 + 36


def test_totals_begin_anew_when_a_session_is_resumed(tmp_path: Path) -> None:
    """After a resumption the total starts at zero; what was used before it still counts."""
    before, after = [(100, 40, 30, 10), (200, 80, 60, 20)], [(50, 0, 5, 5), (60, 6, 6, 6)]
    path = log(tmp_path / "a.jsonl", session(), turn(), *history(*before), *history(*after))
    assert used(calls(path)) == before + after


def test_totals_may_begin_anew_above_what_they_were(tmp_path: Path) -> None:
    """A first call after a resumption that used more than all before it is no growth: its total is its own counts."""
    before, after = [(100, 40, 30, 10)], [(150, 40, 30, 10), (50, 0, 5, 5)]
    path = log(tmp_path / "a.jsonl", session(), turn(), *history(*before), *history(*after))
    assert used(calls(path)) == before + after


def test_the_total_that_codex_shows_is_told_beside_what_was_used(tmp_path: Path) -> None:
    """After a resumption Codex shows what was used since, 55 + 66 tokens; the report has that, and the restarts."""
    before, after = [(100, 40, 30, 10), (200, 80, 60, 20)], [(50, 0, 5, 5), (60, 6, 6, 6)]
    path = log(tmp_path / "a.jsonl", session(), turn(), *history(*before), *history(*after))
    reader: Any = Registry().find("CodexSessions")(source_file=[path])
    reader.start()
    assert sum(record.total_tokens for record in reader.records()) == 390 + 121
    assert {name: reader.report()[name] for name in ("restarts", "last_totals")} == {"restarts": 1, "last_totals": 121}


def test_without_a_last_count_the_totals_are_enough(tmp_path: Path) -> None:
    """What a call used is told by the totals alone, from zero, and after they began anew."""
    lines = [counted((10, 0, 1, 0), None), counted((30, 0, 3, 0), None), counted((5, 0, 5, 0), None)]
    path = log(tmp_path / "a.jsonl", session(), turn(), *lines)
    assert used(calls(path)) == [(10, 0, 1, 0), (20, 0, 2, 0), (5, 0, 5, 0)]


@pytest.mark.parametrize("fork_first", [True, False])
def test_a_fork_brings_no_call_twice(tmp_path: Path, fork_first: bool) -> None:
    """The history that a fork begins with belongs to the session it is from, whichever log is read first."""
    shared, parents, forks = [(100, 40, 30, 10), (200, 80, 60, 20)], [(7, 0, 7, 0)], [(9, 0, 9, 0)]
    names = ("b", "a") if fork_first else ("a", "b")
    log(tmp_path / f"{names[0]}.jsonl", session(), turn(), *history(*shared, *parents))
    copied = [one | {"timestamp": "2026-02-02T00:00:00Z"} for one in history(*shared, *forks)]
    log(tmp_path / f"{names[1]}.jsonl", session(CHILD, forked_from_id=PARENT), session(), turn(), *copied)
    found = calls(tmp_path)
    assert sorted(used(found)) == sorted(shared + parents + forks)
    assert [one["session"] for one in sorted(found, key=lambda one: one["output"])] == [PARENT, CHILD, PARENT, PARENT]
    assert {one["at"][:7] for one in found if one["session"] == PARENT} == {"2026-01"}


def test_the_fork_of_a_fork_has_the_same_history(tmp_path: Path) -> None:
    """Histories are known as one over any number of forks."""
    third = "01997e76-0000-7000-8000-000000000003"
    log(tmp_path / "c.jsonl", session(), turn(), *history((100, 0, 10, 0)))
    log(tmp_path / "b.jsonl", session(CHILD, forked_from_id=PARENT), turn(), *history((100, 0, 10, 0), (7, 0, 7, 0)))
    log(tmp_path / "a.jsonl", session(third, forked_from_id=CHILD), turn(), *history((100, 0, 10, 0), (7, 0, 7, 0)))
    assert sorted(used(calls(tmp_path))) == [(7, 0, 7, 0), (100, 0, 10, 0)]


def test_sub_agents_belong_to_their_session(tmp_path: Path) -> None:
    """A sub-agent's calls have its name and the session that sent it; a review is a sub-agent too."""
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "depth": 1, "agent_nickname": "Boole"}}}
    log(tmp_path / "a.jsonl", session(CHILD, source=spawned), turn(), *history((10, 0, 1, 0)))
    log(tmp_path / "b.jsonl", session(), turn(), *history((10, 0, 1, 0)))
    log(tmp_path / "c.jsonl", session("x", source={"subagent": "review"}), turn(), *history((10, 0, 1, 0)))
    found = {tuple(one.get(name, "") for name in ("agent", "session", "parent", "kind")) for one in calls(tmp_path)}
    assert found == {("Boole", PARENT, PARENT, "subagent"), ("", PARENT, "", ""), ("review", "x", "x", "subagent")}


def test_the_model_may_be_named_behind_the_first_call(tmp_path: Path) -> None:
    """A call before any model is named has the first that is; each later one has the last before it."""
    one, two, three = history((1, 0, 1, 0), (2, 0, 2, 0), (3, 0, 3, 0))
    found = calls(log(tmp_path / "a.jsonl", session(), one, turn("gpt-5"), two, turn("gpt-5-mini"), three))
    assert sorted((one["input"], one["model"]) for one in found) == [(1, "gpt-5"), (2, "gpt-5"), (3, "gpt-5-mini")]
    (nameless,) = calls(log(tmp_path / "b.jsonl", session("y"), *history((4, 0, 4, 0))))
    assert nameless.get("model", "") == ""


def test_a_broken_line_is_reported_and_costs_no_other(tmp_path: Path) -> None:
    """A line that is not JSON, and one with bad counts, are named by their numbers; what they hid is still counted."""
    one, two, three = history((10, 4, 3, 1), (20, 8, 6, 2), (30, 9, 9, 3))
    two["payload"]["info"]["total_token_usage"]["output_tokens"] = -6
    path = log(tmp_path / "a.jsonl", session(), turn(), '{"type":"event_msg","payl', one, two, three, "[]", "nonsense")
    read = reader(path)
    found = [message["usage"] for message in read.process({})]
    assert used(found) == [(10, 4, 3, 1), (50, 17, 15, 5)]
    assert [(one["severity"], one["line"]) for one in read.problems] == [("error", 3), ("error", 5), ("error", 8)]
    assert read.problems[1]["text"].startswith("total_token_usage.output_tokens must be")


def test_more_cached_than_read_is_refused(tmp_path: Path) -> None:
    """R36: cached input is a part of the input; more of it than there is cannot be."""
    read = reader(log(tmp_path / "a.jsonl", session(), turn(), counted((5, 6, 1, 0), (5, 6, 1, 0))))
    assert list(read.process({})) == []
    assert "cached_input_tokens must be a part of the 5 input tokens" in read.problems[0]["text"]


def test_other_lines_tell_of_no_usage(tmp_path: Path) -> None:
    """What a session says or prints may look like a count and is none; unknown kinds of lines are passed over."""
    count = history((10, 4, 3, 1))[0]
    path = log(
        tmp_path / "a.jsonl",
        session(), turn(),
        line("response_item", type="function_call_output", output=json.dumps(count), info=count["payload"]["info"]),
        line("response_item", **count["payload"]), line("event_msg", type="agent_message", message=json.dumps(count)),
        line("new_kind", **count["payload"]), {"type": 3, "payload": count["payload"]},
        {"type": "event_msg", "payload": []},
    )  # fmt: skip
    read = reader(path)
    assert (list(read.process({})), read.problems) == ([], [])


def test_copies_count_once_and_may_be_compressed(tmp_path: Path) -> None:
    """A log that was archived or compressed beside the active one tells of no new calls."""
    lines = [session(), turn(), *history((10, 4, 3, 1), (20, 8, 6, 2))]
    active = log(tmp_path / "sessions" / "2026" / f"rollout-2026-01-02T03-04-05-{PARENT}.jsonl", *lines)
    archived = tmp_path / "archived_sessions" / f"{active.name}.zst"
    archived.parent.mkdir()
    archived.write_bytes(zstandard.compress(active.read_bytes()))
    assert len(calls(tmp_path)) == 2
    assert len(calls(archived)) == 2


def test_the_usual_places_are_read_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, active and archived logs below CODEX_HOME are read; if there are none, that is told."""
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    with pytest.raises(TransmissionsError, match="Codex keeps no session logs in"):
        calls()
    log(tmp_path / "sessions" / "a.jsonl", session(), turn(), *history((10, 4, 3, 1)))
    log(tmp_path / "archived_sessions" / "b.jsonl", session(CHILD), turn(), *history((10, 4, 3, 1)))
    assert len(calls()) == 2


COUNTS = st.tuples(st.integers(1, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)).map(
    lambda four: (four[0], min(four[0], four[1]), four[2], min(four[2], four[3]))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(st.lists(COUNTS, min_size=1, max_size=6), min_size=1, max_size=4),
    repeats=st.lists(st.booleans(), min_size=24, max_size=24),
    fork_at=st.integers(0, 24),
)
def test_the_sum_is_what_was_used(tmp_path: Path, runs: list[list[Counts]], repeats: list[bool], fork_at: int) -> None:
    """However often totals restart, are repeated or are copied into a fork, the sum is what the calls used."""
    lines, spent, previous = [], 0, 0
    for run in runs:
        if lines and run[0][0] + run[0][2] > previous:
            # A new total above the old one cannot be told from a call that used much.
            continue
        lines += history(*run)
        spent += sum(one[0] + one[2] for one in run)
        previous = lines[-1]["payload"]["info"]["total_token_usage"]["total_tokens"]
    places = [json.dumps(one) for one in lines]
    if len(set(places)) < len(places):
        return
    told = [one for one, again in zip(lines, repeats, strict=False) for one in [one] * (2 if again else 1)]
    log(tmp_path / "a.jsonl", session(), turn(), *told)
    log(tmp_path / "b.jsonl", session(CHILD, forked_from_id=PARENT), session(), turn(), *lines[:fork_at])
    assert sum(one[0] + one[2] for one in used(calls(tmp_path))) == spent
