"""A processor that lists the repositories of somebody at GitHub, or at a server of one's own that speaks like it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urljoin, urlsplit

import orjson

from processors.http import wait
from processors.keys import key_in
from transmissions import Duration, Message, Processor, TransmissionsError, get_field, set_field, setting

if TYPE_CHECKING:
    from transmissions import Fetched, Fetcher

__all__ = ["GitHubList"]

_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next\b')
_A_PAGE = 100
_TAKEN = {
    "name": "name",
    "fullName": "full_name",
    "url": "html_url",
    "description": "description",
    "language": "language",
    "topics": "topics",
    "stars": "stargazers_count",
    "forks": "forks_count",
    "isFork": "fork",
    "isArchived": "archived",
    "created": "created_at",
    "updated": "updated_at",
    "pushed": "pushed_at",
}


class GitHubList(Processor):
    """List the public repositories of a user or an organisation, page by page.

    Whose is said by the message's `:userField`, or by `:user`. Each is an object: `name`, `fullName`, `url`,
    `description`, `language`, `topics`, `stars`, `forks`, `isFork`, `isArchived`, `created`, `updated`, `pushed`; with
    `:answer "names"` just its name. Without a token GitHub answers few questions an hour; with one many: it is read
    from the variable of the environment that `:tokenVariable` names. A run may connect to no host that its
    `--allow-host` does not name.

    Example:
        :stage a :GitHubList ; :settings [ :baseUrl "http://localhost:8080/" ; :answer "names" ] .
        file users/me/repos "[{\\"name\\": \\"notes\\"}, {\\"name\\": \\"pipes\\"}]"
        in {"github": {"name": "me"}}
        out {"github": {"name": "me", "repositories": ["notes", "pipes"]}}

    Guarantee: at least once; asking changes nothing.
    """

    user: str = setting("", "whose repositories are listed, if the message does not say")
    user_field: str = setting("github.name", "field that says whose, as a dotted path", fixed=True)
    target_field: str = setting(
        "github.repositories", "field that receives the list, as a dotted path", writes=True, fixed=True
    )
    answer: Literal["objects", "names"] = setting("objects", "what the list holds", fixed=True)
    limit: int = setting(1000, "the most repositories", minimum=1, fixed=True)
    base_url: str = setting("https://api.github.com/", "address that those of the API begin with", fixed=True)
    token_variable: str = setting("", "the variable of the environment that holds a token", fixed=True)
    timeout: Duration = setting(30.0, "seconds that an answer may take", minimum=0.001, fixed=True)
    attempts: int = setting(
        3, "how often is asked of a server that is out of reach, late or busy", minimum=1, maximum=20, fixed=True
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._fetcher: Fetcher | None = None
        self._headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}

    def start(self) -> None:
        """Read the token, and open the door to the network."""
        from transmissions import Fetcher

        if self.token_variable:
            self._headers["authorization"] = f"Bearer {key_in(self.token_variable, 'the token')}"
        self._fetcher = Fetcher(
            self.context.network,
            timeout_s=self.timeout,
            attempts=self.attempts,
            sleep=lambda seconds: wait(self.context, seconds),
        )

    def close(self) -> None:
        """Close the connections."""
        if self._fetcher is not None:
            self._fetcher.close()

    def process(self, message: Message) -> Message:
        """Return the message with the list."""
        user = get_field(message, self.user_field, None) or self.user
        if not isinstance(user, str) or not user.strip():
            raise TransmissionsError(f"nobody is named: set :user, or the message's field {self.user_field}")
        found: list[Any] = []
        for repository in self._repositories(user.strip()):
            if len(found) == self.limit:
                self.warn(f"{user} has more than {self.limit} repositories; see :limit")
                break
            found.append(repository["name"] if self.answer == "names" else _plain(repository))
        set_field(message, self.target_field, found)
        return message

    def _repositories(self, user: str) -> Iterator[Mapping[str, Any]]:
        base = self.base_url if self.base_url.endswith("/") else f"{self.base_url}/"
        address = f"{base}users/{quote(user, safe='')}/repos?per_page={min(_A_PAGE, self.limit)}"
        seen: set[str] = set()
        while address and address not in seen:
            seen.add(address)
            fetched = self._page(address, user)
            try:
                listed = orjson.loads(fetched.content)
            except orjson.JSONDecodeError:
                listed = None
            if not isinstance(listed, list) or not all(isinstance(one, dict) and "name" in one for one in listed):
                raise TransmissionsError(f"{base}: its answer is no list of repositories")
            yield from listed
            address = _following(fetched, address)

    def _page(self, address: str, user: str) -> Fetched:
        assert self._fetcher is not None
        fetched = self._fetcher.fetch(address, headers=self._headers)
        self.bytes_done += len(fetched.content)
        if fetched.status == 404:
            raise TransmissionsError(f"{self.base_url}: there is no user or organisation {user}")
        if fetched.status in (403, 429) and fetched.headers.get("x-ratelimit-remaining") == "0":
            advice = "" if self.token_variable else "; with a token more may be asked, see :tokenVariable"
            raise TransmissionsError(f"{self.base_url}: nothing more may be asked{_until(fetched)}{advice}")
        if fetched.status != 200:
            raise TransmissionsError(f"{self.base_url}: {fetched.status} {fetched.reason}".rstrip())
        return fetched


def _plain(repository: Mapping[str, Any]) -> dict[str, Any]:
    return {ours: repository.get(theirs) for ours, theirs in _TAKEN.items()}


def _following(fetched: Fetched, address: str) -> str:
    """Return where the next page is; "" if there is none, or if it would be at another server."""
    named = _NEXT.search(fetched.headers.get("link", ""))
    following = urljoin(address, named.group(1)) if named else ""
    return following if urlsplit(following)[:2] == urlsplit(address)[:2] else ""


def _until(fetched: Fetched) -> str:
    at = fetched.headers.get("x-ratelimit-reset", "")
    if not at.isascii() or not at.isdigit() or len(at) > 11:
        return ""
    return f" before {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(int(at)))}"
