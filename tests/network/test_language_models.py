"""Chat: what it sends to a model's server, what it makes of the answer, and that its key stays where it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError
from transmissions.cli import main

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
KEY = "canary-4711-key"


def completion(content: Any = "Hello.", reason: str | None = "stop", **more: Any) -> tuple[int, dict[str, str], bytes]:
    """Return a server's answer."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    answer = {"id": "chatcmpl-1", "model": "small-1", "choices": [choice], "usage": usage, **more}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def pipeline(web: Any, folder: Path, settings: str = "", behind: str = "") -> transmissions.Pipeline:
    """Return a pipeline that asks the server, and goes on with the stages behind."""
    names = " ".join(line.split()[0] for line in behind.splitlines())
    file = folder / "chat.ttl"
    file.write_text(
        f"{PREFIX}:p a :EntryTransmission ; :pipe (:ask {names}) .\n{behind}\n"
        f':ask a :Chat ; :settings [ :baseUrl "{web.address}v1/" ; :model "small" ; :requestsPerSecond 0 ;\n'
        f"    {settings} ] ."
    )
    return transmissions.load(file)


def ask(web: Any, folder: Path, message: dict[str, Any], settings: str = "") -> dict[str, Any]:
    """Return the message that comes of one."""
    (left,) = pipeline(web, folder, settings).stream(messages=message, allow_hosts=["127.0.0.1"])
    return left


def sent(web: Any) -> dict[str, Any]:
    """Return what the server was sent last."""
    found: dict[str, Any] = json.loads(web.asked[-1][3])
    return found


def test_a_prompt_becomes_its_answer(web: Any, tmp_path: Path) -> None:
    """The field is asked as the user's prompt, the answer takes its place, and the usage stands beside it."""
    web.answers["/v1/chat/completions"] = completion()
    left = ask(web, tmp_path, {"content": "Say hello.", "title": "kept"})
    assert sent(web) == {
        "model": "small", "stream": False, "messages": [{"role": "user", "content": "Say hello."}],
    }  # fmt: skip
    assert (left["content"], left["finishReason"], left["title"]) == ("Hello.", "stop", "kept")
    assert left["usage"].pop("call")
    assert left["usage"] == {"model": "small-1", "input": 9, "output": 2}


def test_a_request_is_what_the_settings_say(web: Any, tmp_path: Path) -> None:
    """What the model is told first, how it is to answer, and further members all go with the prompt."""
    web.answers["/v1/chat/completions"] = completion()
    settings = r':system "Be brief." ; :temperature 0.5 ; :maxTokens 7 ; :options "{\"seed\": 1}" ; :inputField "a.b"'
    left = ask(web, tmp_path, {"a": {"b": {"n": 1}}}, settings)
    assert (sent(web)["temperature"], sent(web)["max_tokens"], sent(web)["seed"]) == (0.5, 7, 1)
    assert [one["content"] for one in sent(web)["messages"]] == ["Be brief.", '{"n":1}']
    assert left["content"] == "Hello."


def test_a_conversation_goes_on(web: Any, tmp_path: Path) -> None:
    """With a history, what was said before is sent before the prompt, and the turn is added to it."""
    web.answers["/v1/chat/completions"] = completion("Two.")
    before = [{"role": "user", "content": "One and one?"}, {"role": "assistant", "content": "2"}]
    left = ask(web, tmp_path, {"content": "In words?", "talk": before}, ':historyField "talk" ; :system "S"')
    assert [one["role"] for one in sent(web)["messages"]] == ["system", "user", "assistant", "user"]
    assert left["talk"] == [
        *before, {"role": "user", "content": "In words?"}, {"role": "assistant", "content": "Two."},
    ]  # fmt: skip
    with pytest.raises(StageError, match="the field talk holds no list of objects with a role"):
        ask(web, tmp_path, {"content": "x", "talk": "before"}, ':historyField "talk"')


@pytest.mark.parametrize(
    ("content", "reason", "text", "said"),
    [
        ([{"type": "thinking", "text": "hm"}, {"type": "text", "text": "A"}], "stop", "A", ""),
        ("cut sh", "length", "cut sh", "broke off at the limit of tokens"),
        (None, "tool_calls", "", "gave no text; it ended with tool_calls"),
        ("", None, "", "gave no text; it ended with no reason"),
    ],
)
def test_what_is_odd_about_an_answer_is_warned_of(
    content: Any, reason: str | None, text: str, said: str, web: Any, tmp_path: Path
) -> None:
    """Parts of a text are joined; one that broke off, or is none, goes on with a warning, since it was paid for."""
    web.answers["/v1/chat/completions"] = completion(content, reason)
    made = pipeline(web, tmp_path)
    (left,) = made.stream(messages={"content": "x"}, allow_hosts=["127.0.0.1"])
    result = made.run(messages={"content": "x"}, allow_hosts=["127.0.0.1"])
    assert (left["content"], left["usage"]["input"]) == (text, 9)
    assert [said in problem["text"] for problem in result.problems] == ([True] if said else [])


def test_usage_is_what_a_spender_takes(web: Any, tmp_path: Path) -> None:
    """Each call is charged once: two in a row, whatever ids their server gives, and once more for another message."""
    web.answers["/v1/chat/completions"] = completion(
        usage={"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 80}}
    )
    again = f':again a :Chat ; :settings [ :baseUrl "{web.address}v1" ; :model "small" ; :requestsPerSecond 0 ] .'
    made = pipeline(web, tmp_path, behind=f"{again}\n:spend a :UsageSpender .\n:more a :NOP .")
    left = list(made.stream(messages=[{"content": "x"}, {"content": "y"}], allow_hosts=["127.0.0.1"]))
    used = [one for message in left for one in message["usage"]]
    assert [(one["input"], one["cache_read"], one["output"], one["outcome"]) for one in used] == [
        (20, 80, 5, "settled")
    ] * 4
    assert len({one["call"] for one in used}) == 4


def test_a_call_that_tells_no_usage_counts_as_unmeasured(web: Any, tmp_path: Path) -> None:
    """A server that tells no usage, or none that can be read, leaves a call that is known to have been made."""
    for usage in (None, {"prompt_tokens": -1, "completion_tokens": 0}, {}):
        web.answers["/v1/chat/completions"] = completion(usage=usage)
        left = ask(web, tmp_path, {"content": "x"})
        assert (left["usage"]["unmeasured"], left["usage"]["model"], left["content"]) == (True, "small-1", "Hello.")


def test_usage_that_was_charged_makes_room_for_the_next(web: Any, tmp_path: Path) -> None:
    """What a spender has charged is replaced, and what nobody has charged yet is kept beside the new."""
    web.answers["/v1/chat/completions"] = completion()
    left = ask(web, tmp_path, {"content": "x", "usage": {"call": "1", "input": 5, "output": 5, "outcome": "settled"}})
    assert left["usage"]["input"] == 9
    left = ask(web, tmp_path, {"content": "x", "usage": {"call": "1", "input": 5, "output": 5}})
    assert [one["input"] for one in left["usage"]] == [5, 9]


def test_a_key_goes_to_its_server_and_nowhere_else(
    web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read from the environment and sent; no log and no error has it, also if the server tells it."""
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    pipeline(web, tmp_path, ':keyVariable "MY_KEY"')
    words = ["run", str(tmp_path / "chat.ttl"), "-m", '{"content": "x"}', "--messages", "-", "--report"]
    words += [str(tmp_path / "report.json"), "--allow-host", "127.0.0.1", "--debug"]
    web.answers["/v1/chat/completions"] = completion(f"your key is {KEY}")
    assert main(words) == 0
    assert web.asked[-1][2]["authorization"] == f"Bearer {KEY}"
    web.answers["/v1/chat/completions"] = (401, {}, json.dumps({"error": {"message": f"no such key: {KEY}"}}).encode())
    assert main(words) == 1
    said = capsys.readouterr()
    assert "401 Unauthorized: no such key: [secret]" in said.err
    assert KEY not in said.err + (tmp_path / "report.json").read_text()


def test_a_key_that_is_not_there_is_told(web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key nothing is asked, and the error names the variable: one's own, or the provider's usual one."""
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(StageError, match="the environment variable MY_KEY is not set"):
        ask(web, tmp_path, {"content": "x"}, ':keyVariable "MY_KEY"')
    (tmp_path / "m.ttl").write_text(
        f'{PREFIX}:p a :Transmission ; :pipe (:a) .\n:a a :Chat ; :settings [ :model "m" ] .'
    )
    with pytest.raises(StageError, match="the environment variable MISTRAL_API_KEY is not set"):
        transmissions.load(tmp_path / "m.ttl").run(messages={"content": "x"})
    assert web.asked == []


@pytest.mark.parametrize("provider", ["claude", "groq", "mistral", "openai"])
def test_a_provider_is_asked_only_where_that_is_allowed(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider's name stands for its address and its key, and the run has to allow the address like any other."""
    for name in ("ANTHROPIC", "GROQ", "MISTRAL", "OPENAI"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)
    (tmp_path / "m.ttl").write_text(
        f'{PREFIX}:p a :Transmission ; :pipe (:a) .\n:a a :Chat ; :settings [ :model "m" ; :provider "{provider}" ] .'
    )
    with pytest.raises(StageError, match=r"refused: this run may not connect to it; --allow-host api\."):
        transmissions.load(tmp_path / "m.ttl").run(messages={"content": "x"})


def test_in_an_application_a_message_names_the_model_and_nothing_else(web: Any, tmp_path: Path) -> None:
    """As in the original, `model` of a message comes first; to whom a prompt and a key go, no message says."""
    web.answers["/v1/chat/completions"] = completion()
    (tmp_path / "transmissions.ttl").write_text(
        f"{PREFIX}:p a :Transmission ; :pipe (:a) .\n"
        f':a a :Chat ; :settings [ :baseUrl "{web.address}v1" ; :model "m" ] .'
    )
    message = {
        "content": "x",
        "model": "mine",
        "provider": "openai",
        "baseUrl": "http://10.0.0.1/",
        "keyVariable": "PATH",
    }
    (left,) = transmissions.load(tmp_path).stream(messages=message, allow_hosts=["127.0.0.1"])
    assert (left["content"], sent(web)["model"]) == ("Hello.", "mine")
    assert "authorization" not in web.asked[-1][2]


def test_a_server_that_turns_one_away_is_asked_again(web: Any, tmp_path: Path) -> None:
    """A prompt is sent again after 429, by which nothing was done, but not after 502: that may have been paid for."""
    busy = (429, {"Retry-After": "0"}, b"")
    web.answers["/v1/chat/completions"] = [busy, completion()]
    assert ask(web, tmp_path, {"content": "x"})["content"] == "Hello."
    assert len(web.asked) == 2
    web.answers["/v1/chat/completions"] = [(502, {}, b"bad gateway"), completion()]
    with pytest.raises(StageError, match="502 Bad Gateway: bad gateway"):
        ask(web, tmp_path, {"content": "x"})
    assert len(web.asked) == 3


def test_a_prompt_is_not_sent_on_to_elsewhere(web: Any, tmp_path: Path) -> None:
    """A redirect is not followed: the pipeline says who is asked."""
    web.answers["/v1/chat/completions"] = (307, {"Location": "/other"}, b"")
    with pytest.raises(StageError, match="leads on through more than 0 redirects"):
        ask(web, tmp_path, {"content": "x"})
    assert [one[1] for one in web.asked] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("settings", "body", "text"),
    [
        ("", b'{"choices": []}', "its answer is no chat completion"),
        ("", b"<html>", "its answer is no chat completion"),
        (r':options "[]"', b"", ":options is no JSON object"),
        (r':options "{"', b"", ":options is not valid JSON"),
        (r':options "{\"stream\": true}"', b"", ":options may not hold stream"),
    ],
)
def test_what_cannot_be_used_is_told(settings: str, body: bytes, text: str, web: Any, tmp_path: Path) -> None:
    """An answer that is none, and options that are none, fail with a reason."""
    web.answers["/v1/chat/completions"] = (200, {}, body)
    with pytest.raises(StageError, match=text):
        ask(web, tmp_path, {"content": "x"}, settings)
