"""GitHubList: whose repositories it lists, all pages of them, and what it says when it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import transmissions
from transmissions import StageError

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"
JSON = {"Content-Type": "application/json"}


def run(web: Any, folder: Path, message: dict[str, Any], settings: str = "") -> list[Any]:
    """Return the repositories that a stage finds at the server."""
    file = folder / "list.ttl"
    file.write_text(
        f"{PREFIX}:p a :EntryTransmission ; :pipe (:list) .\n"
        f':list a :GitHubList ; :settings [ :baseUrl "{web.address}" ; {settings} ] .'
    )
    (left,) = transmissions.load(file).stream(messages=message, allow_hosts=["127.0.0.1"])
    found: list[Any] = left["github"]["repositories"]
    return found


def repositories(*names: str) -> bytes:
    """Return a page of the server's list."""
    return json.dumps([{"name": name, "html_url": f"https://example.org/{name}", "stargazers_count": 3, "id": 9}
                       for name in names]).encode()  # fmt: skip


def test_all_pages_are_listed(web: Any, tmp_path: Path) -> None:
    """One page after the other is asked for, as the server names them, relative or whole."""
    first = f'<{web.address}second?page=2>; rel="next", <{web.address}last>; rel="last"'
    web.answers["/users/me/repos?per_page=100"] = (200, {**JSON, "Link": first}, repositories("a", "b"))
    web.answers["/second?page=2"] = (200, {**JSON, "Link": '</third>; rel="next"'}, repositories("c"))
    web.answers["/third"] = (200, {**JSON, "Link": f'<{web.address}>; rel="first"'}, repositories("d"))
    found = run(web, tmp_path, {"github": {"name": "me"}})
    assert [one["name"] for one in found] == ["a", "b", "c", "d"]
    assert (found[0]["url"], found[0]["stars"], found[0]["topics"]) == ("https://example.org/a", 3, None)
    assert "id" not in found[0]


def test_the_list_has_an_end(web: Any, tmp_path: Path) -> None:
    """No more are taken than was said, a server that goes round in circles is not followed, nor one to elsewhere."""
    circle = '</users/me/repos?per_page=100>; rel="next"'
    web.answers["/users/me/repos?per_page=100"] = (200, {**JSON, "Link": circle}, repositories("a", "b"))
    assert run(web, tmp_path, {}, ':user "me" ; :answer "names"') == ["a", "b"]
    abroad = '<http://10.0.0.1/more>; rel="next"'
    web.answers["/users/me/repos?per_page=1"] = (200, {**JSON, "Link": abroad}, repositories("a"))
    assert run(web, tmp_path, {}, ':user "me" ; :answer "names" ; :limit 1') == ["a"]
    web.answers["/users/me/repos?per_page=2"] = (200, JSON, repositories("a", "b", "c"))
    assert run(web, tmp_path, {}, ':user "me" ; :answer "names" ; :limit 2') == ["a", "b"]


def test_a_name_is_but_a_name(web: Any, tmp_path: Path) -> None:
    """Whatever signs a name has, it stays within its part of the address; without any, nothing is asked."""
    web.answers["/users/..%2F%3Fa%23/repos?per_page=100"] = (200, JSON, b"[]")
    assert run(web, tmp_path, {"github": {"name": "../?a#"}}) == []
    for message in ({}, {"github": {"name": ""}}, {"github": "me"}):
        with pytest.raises(StageError, match=r"nobody is named: set :user, or the message's field github\.name"):
            run(web, tmp_path, message)
    assert len(web.asked) == 1


def test_a_token_is_sent_and_not_told(web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from the environment; without the variable nothing is asked."""
    web.answers["/users/me/repos?per_page=100"] = (200, JSON, b"[]")
    with pytest.raises(StageError, match="the environment variable A_TOKEN is not set"):
        run(web, tmp_path, {}, ':user "me" ; :tokenVariable "A_TOKEN"')
    monkeypatch.setenv("A_TOKEN", "canary-0815")
    assert run(web, tmp_path, {}, ':user "me" ; :tokenVariable "A_TOKEN"') == []
    assert [one[2].get("authorization") for one in web.asked] == ["Bearer canary-0815"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((404, {}, b""), "there is no user or organisation me"),
        (
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000000"}, b""),
            r"nothing more may be asked before 2027-01-15T08:00:00Z; with a token more may be asked",
        ),
        ((403, {}, b""), "403 Forbidden"),
        ((200, JSON, b"{}"), "its answer is no list of repositories"),
        ((200, JSON, b"<html>"), "its answer is no list of repositories"),
    ],
)
def test_what_went_wrong_is_told(answer: Any, text: str, web: Any, tmp_path: Path) -> None:
    """A user that there is not, a limit, and an answer that is none fail the message with a reason."""
    web.answers["/users/me/repos?per_page=100"] = answer
    with pytest.raises(StageError, match=text):
        run(web, tmp_path, {"github": {"name": "me"}})
