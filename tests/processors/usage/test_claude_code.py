"""The session logs of Claude Code: each call once, whatever the logs repeat, and nothing lost without being told."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import transmissions
from transmissions import TransmissionsError
from transmissions.registry import Registry

Json = dict[str, Any]
COUNTED = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


def answer(number: int, output: int = 10, **fields: Any) -> Json:
    """Return the line of one part of an answer."""
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }
    message = {"model": "claude-sonnet-4-5-20250929", "id": f"msg_{number}", "type": "message", "role": "assistant"}
    message |= {"content": [{"type": "text", "text": f"Part of answer {number}."}], "usage": usage}
    return {
        "parentUuid": None,
        "isSidechain": False,
        "cwd": "/home/me/river",
        "sessionId": "session-1",
        "type": "assistant",
        "message": message,
        "requestId": f"req_{number}",
        "uuid": f"uuid-{number}-{output}",
        "timestamp": "2026-01-02T03:04:05.678Z",
    } | fields


def with_usage(line: Json, **usage: Any) -> Json:
    """Return a line with other usage."""
    return line | {"message": line["message"] | {"usage": usage}}


def log(path: Path, *lines: Json | str) -> Path:
    """Write a log, one value a line; a text is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (line if isinstance(line, str) else json.dumps(line, separators=(",", ":")) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def reader(*paths: Path) -> Any:
    """Return the processor, ready to read."""
    made: Any = Registry().find("ClaudeCodeSessions")(source_file=list(paths))
    made.start()
    return made


def calls(*paths: Path) -> list[Json]:
    """Return the messages that are made of logs."""
    return list(reader(*paths).process({}))


def tokens(messages: list[Json]) -> int:
    """Return how many tokens they tell of."""
    return sum(message["usage"].get(name, 0) for message in messages for name in COUNTED)


def test_a_call_in_several_lines_counts_once_with_its_largest_counts(tmp_path: Path) -> None:
    """R22: parts of one answer repeat its usage while the output grows; naive sum and first line are wrong."""
    lines = [answer(1, 2), answer(1, 2), answer(1, 210), answer(2, 5), answer(2, 7)]
    naive = sum(sum(line["message"]["usage"][name] for name in (
        "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"
    )) for line in lines)  # fmt: skip
    found = calls(log(tmp_path / "a.jsonl", *lines))
    assert [message["usage"]["output"] for message in found] == [210, 7]
    assert tokens(found) == 2 * 1103 + 217
    assert naive == 5 * 1103 + 226 > 2 * tokens(found)


def test_a_message_says_whose_call_it_was(tmp_path: Path) -> None:
    """A message has the usage in disjoint counts, and model, session, project, agent and time beside it."""
    (found,) = calls(log(tmp_path / "a.jsonl", answer(1)))
    assert found == {
        "usage": {
            "call": "msg_1:req_1", "run": "session-1", "model": "claude-sonnet-4-5-20250929", "provider": "anthropic",
            "input": 3, "cache_read": 1000, "cache_write_5m": 100, "output": 10, "project": "/home/me/river",
            "session": "session-1", "at": "2026-01-02T03:04:05.678000+00:00",
        },
        "model": "claude-sonnet-4-5-20250929", "session": "session-1", "project": "/home/me/river", "agent": "",
        "time": "2026-01-02T03:04:05.678000+00:00",
    }  # fmt: skip


@pytest.mark.parametrize("fork_first", [True, False])
def test_a_fork_brings_no_call_twice(tmp_path: Path, fork_first: bool) -> None:
    """What a forked session copied belongs to the session it is from, whichever of the logs is read first."""
    fork = {"sessionId": "session-2", "forkedFrom": {"sessionId": "session-1", "messageUuid": "x"}}
    names = ("b", "a") if fork_first else ("a", "b")
    log(tmp_path / f"{names[0]}.jsonl", answer(1, 2), answer(1, 50), answer(2))
    log(tmp_path / f"{names[1]}.jsonl", answer(1, 2, **fork), answer(2, **fork), answer(3, sessionId="session-2"))
    found = calls(tmp_path)
    assert sorted((one["usage"]["call"], one["session"], one["usage"]["output"]) for one in found) == [
        ("msg_1:req_1", "session-1", 50),
        ("msg_2:req_2", "session-1", 10),
        ("msg_3:req_3", "session-2", 10),
    ]


def test_a_fork_whose_origin_is_deleted_still_belongs_to_it(tmp_path: Path) -> None:
    """A call has one session and one id, whether the log it was made in is still there or not."""
    fork = {"sessionId": "session-2", "forkedFrom": {"sessionId": "session-1", "messageUuid": "x"}}
    (alone,) = calls(log(tmp_path / "fork.jsonl", answer(1, **fork)))
    assert (alone["usage"]["run"], alone["usage"]["call"]) == ("session-1", "msg_1:req_1")


def test_sub_agents_belong_to_their_session(tmp_path: Path) -> None:
    """A sub-agent's calls have its id, the session that sent it, and that session's project, wherever it worked."""
    own = {"isSidechain": True, "agentId": "a1b2", "cwd": "/tmp/elsewhere"}
    log(tmp_path / "session-1" / "subagents" / "agent-a1b2.jsonl", answer(5, **own), answer(5, 90, **own))
    log(tmp_path / "session-1.jsonl", answer(1))
    main, agent = calls(tmp_path)
    assert (main["agent"], agent["agent"]) == ("", "a1b2")
    assert agent["usage"] | {"at": "", "model": "", "provider": ""} == {
        "call": "msg_5:req_5", "run": "session-1", "model": "", "provider": "", "input": 3, "cache_read": 1000,
        "cache_write_5m": 100, "output": 90, "project": "/home/me/river", "session": "session-1", "agent": "a1b2",
        "parent": "session-1", "kind": "subagent", "at": "",
    }  # fmt: skip


def test_what_a_sub_agent_repeats_is_no_call_of_its_own(tmp_path: Path) -> None:
    """A sidechain may repeat an answer of its session under another request, or under none; its own answers count."""
    replay = {"isSidechain": True, "agentId": "a1"}
    lines = [
        answer(1, 10),
        answer(1, 10, requestId="req_other", **replay),
        answer(2, 10, requestId=None, **replay),
        answer(2, 12),
        answer(3, 10, **replay),
    ]
    found = calls(log(tmp_path / "a.jsonl", *lines))
    assert [(one["usage"]["call"], one["agent"], one["usage"]["output"]) for one in found] == [
        ("msg_1:req_1", "", 10),
        ("msg_2:req_2", "", 12),
        ("msg_3:req_3", "a1", 10),
    ]


def test_different_requests_of_one_session_are_different_calls(tmp_path: Path) -> None:
    """Two requests that got the same answer's id were both paid."""
    assert len(calls(log(tmp_path / "a.jsonl", answer(1), answer(1, requestId="req_again")))) == 2


def test_progress_shows_calls_that_count_once(tmp_path: Path) -> None:
    """A call that only the progress of a sub-agent shows counts; one that its log holds too counts once, from there."""

    def shown(number: int) -> Json:
        part = {name: answer(number)[name] for name in ("type", "message", "requestId", "uuid", "timestamp")}
        data = {"type": "agent_progress", "agentId": "a1", "message": part}
        return {"type": "progress", "sessionId": "session-1", "cwd": "/home/me/river", "data": data}

    log(tmp_path / "session-1.jsonl", shown(7), shown(8), shown(8))
    log(tmp_path / "session-1" / "subagents" / "agent-a1.jsonl", answer(7, 30, isSidechain=True, agentId="a1"))
    found = {one["usage"]["call"]: one["usage"]["output"] for one in calls(tmp_path)}
    assert found == {"msg_7:req_7": 30, "msg_8:req_8": 10}


def test_usage_elsewhere_in_a_line_does_not_count(tmp_path: Path) -> None:
    """What a tool returned, was given or printed may look like usage and is none; neither are answers nobody made."""
    usage = {"input_tokens": 5, "output_tokens": 5}
    quoted = json.dumps(answer(99))
    returned = {"type": "user", "sessionId": "s", "message": {"role": "user", "content": "done"}}
    given_to_tool = answer(1)
    given_to_tool["message"]["content"] = [{"type": "tool_use", "name": "x", "input": {"usage": usage, "text": quoted}}]
    synthetic = answer(2)
    synthetic["message"]["model"] = "<synthetic>"
    no_usage = answer(3)
    del no_usage["message"]["usage"]
    found = calls(log(
        tmp_path / "a.jsonl",
        returned | {"toolUseResult": {"usage": usage, "totalTokens": 10}},
        returned | {"message": {"role": "user", "content": [{"type": "tool_result", "content": quoted}]}},
        given_to_tool, synthetic, no_usage, {"type": "system", "message": "a text", "usage": usage},
    ))  # fmt: skip
    assert [one["usage"]["call"] for one in found] == ["msg_1:req_1"]
    assert tokens(found) == 1113


def test_cache_writes_are_told_apart_by_their_time(tmp_path: Path) -> None:
    """The parts of `cache_creation` count in place of the flat number, which counts where there are none."""
    lines = [
        with_usage(answer(1), cache_creation_input_tokens=999, cache_creation={"ephemeral_1h_input_tokens": 40}),
        with_usage(answer(2), cache_creation_input_tokens=30, cache_creation={}, server_tool_use=None),
        with_usage(answer(3), cache_creation_input_tokens=20, server_tool_use={"web_search_requests": 4}),
    ]
    found = [one["usage"] for one in calls(log(tmp_path / "a.jsonl", *lines))]
    written = [(one.get("cache_write_5m", 0), one.get("cache_write_1h", 0)) for one in found]
    assert written == [(0, 40), (30, 0), (20, 0)]
    assert found[2]["web_searches"] == 4


def test_calls_that_cost_otherwise_have_other_names(tmp_path: Path) -> None:
    """Fast answers, and models behind another provider, are not priced as if they were Anthropic's ordinary ones."""
    fast = answer(1)
    fast["message"]["usage"]["speed"] = "fast"
    bedrock = answer(2)
    bedrock["message"]["id"] = "msg_bdrk_2"
    other = answer(3)
    other["message"]["model"] = "qwen3-coder"
    found = [one["usage"] for one in calls(log(tmp_path / "a.jsonl", fast, bedrock, other))]
    assert [(one["model"], one.get("provider", "")) for one in found] == [
        ("fast:claude-sonnet-4-5-20250929", "anthropic"),
        ("claude-sonnet-4-5-20250929", "bedrock"),
        ("qwen3-coder", ""),
    ]


def test_a_broken_line_is_reported_and_costs_no_other(tmp_path: Path) -> None:
    """Each line that is not JSON is named by its number; what is JSON and no line of a session is passed over."""
    path = log(
        tmp_path / "a.jsonl",
        answer(1), '{"type":"assistant","message":{"usa', "", "[]", "12", "{broken}", answer(2),
        json.dumps(answer(3)) + json.dumps(answer(4)), '{"type":"user","message":tru}',
    )  # fmt: skip
    read = reader(path)
    assert tokens(list(read.process({}))) == 2 * 1113
    told = {"severity": "error", "text": "the line is not JSON", "file": str(path)}
    assert read.problems == [{**told, "line": number} for number in (2, 6, 8, 9)]
    assert read.report()["lost"] == 4


def test_a_last_line_that_is_being_written_is_no_loss(tmp_path: Path) -> None:
    """A session may go on while it is read: its last line is awaited if it has no end, and counts if it is whole."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(answer(1)) + "\n" + json.dumps(answer(2))[:-1], encoding="utf-8")
    read = reader(path)
    assert len(list(read.process({}))) == 1
    assert [(one["severity"], one["line"]) for one in read.problems] == [("warning", 2)]
    path.write_text(json.dumps(answer(1)) + "\n" + json.dumps(answer(2)), encoding="utf-8")
    assert len(calls(path)) == 2


@pytest.mark.parametrize("bad", [-1, 1.5, "12", True, 10**13, [3]])
def test_a_count_that_cannot_be_one_is_reported_with_its_field(tmp_path: Path, bad: Any) -> None:
    """R49: a bad number is named with its field and line, and is never taken for another."""
    read = reader(log(tmp_path / "a.jsonl", with_usage(answer(1), output_tokens=bad, input_tokens=1), answer(2)))
    assert len(list(read.process({}))) == 1
    assert [one["line"] for one in read.problems] == [1]
    assert read.problems[0]["text"].startswith("output_tokens must be")


def test_null_counts_are_zero_and_whole_floats_are_numbers(tmp_path: Path) -> None:
    """A count may be null, and a writer of JSON may know no whole numbers."""
    line = with_usage(answer(1), input_tokens=12.0, output_tokens=None, cache_creation=None)
    assert tokens(calls(log(tmp_path / "a.jsonl", line))) == 12


def test_any_values_may_stand_where_others_are_usual(tmp_path: Path) -> None:
    """Values of unusual types lead to no error, and take no usage from a line that has it."""
    odd = answer(1, isSidechain="no", cwd=5, agentId=[1], forkedFrom="x", data="text", timestamp=17, requestId=3)
    lone = answer(2, cwd="/home/me/\ud83d")
    half = json.dumps(answer(3)).replace("Part of", "Part \\ud83d of")
    path = log(tmp_path / "a.jsonl", odd, lone, half, {"type": "assistant", "message": "text"}, {"type": {}})
    with path.open("ab") as file:
        file.write(json.dumps(answer(4)).replace("Part", "P\xe4rt").encode("latin-1") + b"\r\n")
    read = reader(path)
    found = list(read.process({}))
    assert (tokens(found), read.problems) == (4 * 1113, [])
    json.dumps(found).encode()


def _escaped(text: str) -> str:
    """Return JSON text with every letter of its keys written as an escape."""
    return text.replace('"usage"', '"' + "".join(f"\\u{ord(one):04x}" for one in "usage") + '"').replace(
        '"type"', '"t\\u0079pe"'
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300)), min_size=1, max_size=12),
    shuffle=st.randoms(use_true_random=False),
    escaped=st.booleans(),
    spaced=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    files=st.integers(1, 3),
)
def test_neither_the_order_nor_the_writing_of_lines_matters(
    tmp_path: Path,
    counts: list[tuple[int, int]],
    shuffle: random.Random,
    escaped: bool,
    spaced: bool,
    ending: str,
    files: int,
) -> None:
    """Lines in any order, over any files, with keys in any order, escaped and spaced, give the same calls."""
    texts: list[list[str]] = [[] for _ in range(files)]
    for number, output in counts:
        line = answer(number, output)
        keys = list(line)
        shuffle.shuffle(keys)
        text = json.dumps({key: line[key] for key in keys}, separators=None if spaced else (",", ":"))
        texts[shuffle.randrange(files)].append(_escaped(text) if escaped else text)
    for number, lines in enumerate(texts):
        (tmp_path / f"{number}.jsonl").write_bytes(("\ufeff" + ending.join(lines)).encode() if lines else b"")
    for number in range(files, 3):
        (tmp_path / f"{number}.jsonl").unlink(missing_ok=True)
    largest: dict[int, int] = {}
    for number, output in counts:
        largest[number] = max(largest.get(number, 0), output)
    read = reader(tmp_path)
    found = {one["usage"]["call"]: one["usage"]["output"] for one in read.process({})}
    assert found == {f"msg_{number}:req_{number}": output for number, output in largest.items()}
    assert read.problems == []


def test_more_calls_than_memory_holds_are_still_told_apart(tmp_path: Path) -> None:
    """Of more calls than are held at once, each still counts once with its largest counts, however far apart."""
    many = 12_000
    lines = [json.dumps(answer(number, 1 + number % 7)) for number in range(many)]
    lines += [json.dumps(answer(number, 100, isSidechain=True, agentId="a")) for number in range(0, many, 3)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = {one["usage"]["call"]: (one["usage"]["output"], one["agent"]) for one in calls(path)}
    assert len(found) == many
    assert found == {
        f"msg_{number}:req_{number}": (1 + number % 7 if number % 3 else 100, "") for number in range(many)
    }


def test_a_line_without_an_end_is_not_held_in_memory(tmp_path: Path) -> None:
    """A line of more than 64 MiB is reported as too long, and the next one counts."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(json.dumps(answer(1)).encode() + b"\n" + b'{"type":"assistant","text":"')
        for _ in range(66):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + json.dumps(answer(2)).encode() + b"\n")
    read = reader(path)
    assert len(list(read.process({}))) == 2
    assert [(one["line"], one["text"]) for one in read.problems] == [(2, "the line is too long to be one of a session")]


def test_logs_are_found_in_folders_and_may_be_compressed(tmp_path: Path) -> None:
    """A folder is searched at any depth; a file that is named twice, or linked, is read once."""
    plain = log(tmp_path / "deep" / "down" / "a.jsonl", answer(1))
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.compress(json.dumps(answer(2)).encode()))
    (tmp_path / "c.jsonl").symlink_to(plain)
    (tmp_path / "notes.txt").write_text("no log", encoding="utf-8")
    read = reader(tmp_path, plain)
    assert sorted(one["usage"]["call"] for one in read.process({})) == ["msg_1:req_1", "msg_2:req_2"]
    assert read.report() == {"files": 2, "lines": 2, "calls": 2, "lost": 0, "foreign": []}
    assert read.bytes_done == read.bytes_total or read.bytes_total > 0


def test_what_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """A damaged file costs no other; one that something else wrote is told if it was named."""
    (tmp_path / "bad.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"no zstandard")
    log(tmp_path / "good.jsonl", answer(1))
    other = log(tmp_path / "other.jsonl", {"messages": [{"role": "user", "content": "hi"}]})
    read = reader(tmp_path, other)
    assert len(list(read.process({}))) == 1
    assert [(one["severity"], Path(one["file"]).name) for one in read.problems] == [
        ("error", "bad.jsonl.zst"),
        ("warning", "other.jsonl"),
    ]
    assert read.report()["foreign"] == [str(other)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_passed_over_and_what_cannot_be_looked_at_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder, pipes and devices are no logs; a link to itself and a closed folder are told and cost no other."""
    log(tmp_path / "a.jsonl", answer(1))
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
    loop = tmp_path / "loop.jsonl"
    loop.symlink_to(loop)
    closed = tmp_path / "closed"
    closed.mkdir()
    scan = os.scandir

    def refused(place: Any) -> Any:
        if Path(place) == closed:
            raise PermissionError(13, "Permission denied", place)
        return scan(place)

    monkeypatch.setattr(os, "scandir", refused)
    read = reader(tmp_path)
    assert len(list(read.process({}))) == 1
    assert {(one["severity"], one["file"]) for one in read.problems} == {("error", str(loop)), ("error", str(closed))}
    assert all(one["text"].startswith("cannot be read: ") for one in read.problems)
    assert read.report()["lost"] == 2
    named = reader(loop, tmp_path / "a.jsonl")
    assert len(list(named.process({}))) == 1
    assert [one["file"] for one in named.problems] == [str(loop)]
    only = reader(closed)
    assert list(only.process({})) == []
    assert [one["file"] for one in only.problems] == [str(closed)]


def test_a_path_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    """A file that is not there, and a folder without logs, are told by their names."""
    with pytest.raises(TransmissionsError, match=r"gone\.jsonl: there is no such file or folder"):
        calls(tmp_path / "gone.jsonl")
    with pytest.raises(TransmissionsError, match=r"there is no \.jsonl file in this folder"):
        calls(tmp_path)


def test_the_usual_places_are_read_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, logs are read below each folder that CLAUDE_CONFIG_DIR names; if none is there, that is told."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{tmp_path / 'one'}, {tmp_path / 'two'},{tmp_path / 'none'}")
    with pytest.raises(TransmissionsError, match="Claude Code keeps no session logs in"):
        calls()
    log(tmp_path / "one" / "projects" / "-home-me" / "a.jsonl", answer(1))
    log(tmp_path / "two" / "projects" / "-home-me" / "b.jsonl", answer(2))
    assert len(calls()) == 2


def test_it_runs_as_a_stage(tmp_path: Path) -> None:
    """In a pipeline the calls go on as messages, and a broken line makes the run partial."""
    log(tmp_path / "logs" / "a.jsonl", answer(1), "{", answer(2))
    file = tmp_path / "p.ttl"
    file.write_text(
        "@prefix : <http://purl.org/stuff/transmissions/> .\n"
        ':p a :Transmission ; :pipe (:read) . :read a :ClaudeCodeSessions ; :settings [ :sourceFile "logs" ] .',
        encoding="utf-8",
    )
    pipeline = transmissions.load(file)
    assert tokens(list(pipeline.stream())) == 2 * 1113
    result = pipeline.run()
    assert (result.partial, result.problems[0]["line"]) == (True, 2)
