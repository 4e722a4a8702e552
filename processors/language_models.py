"""A processor that asks a language model, at any server that speaks the form of OpenAI's chat completions."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import orjson

from processors.http import wait
from processors.keys import key_in
from processors.values import as_text
from transmissions import (
    MISSING,
    Duration,
    Message,
    Processor,
    TransmissionsError,
    get_field,
    require_field,
    set_field,
    setting,
)
from transmissions.usage import Convention, InvalidUsage, UsageRecord, normalise

if TYPE_CHECKING:
    from transmissions import Fetcher

__all__ = ["Chat"]

_PROVIDERS = {
    "claude": ("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "ollama": ("http://localhost:11434/v1", ""),
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": ("https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
}
"""Where each is, and the variable of the environment that usually holds its key; "" for none."""
_OURS = ("model", "messages", "stream")
_SHOWN = 300


class Chat(Processor):
    """Ask a language model: a field is the prompt, and its answer takes the field's place.

    The server is the provider's, or any that speaks the form of OpenAI's chat completions, at `:baseUrl`. Its key is
    read from the variable of the environment that `:keyVariable` names, and is in no message, log or report. A run may
    connect to no host that its `--allow-host` does not name. With `:historyField` the prompt goes on with the
    conversation in that field, which has the turn added to it.

    What the call used is in `usage`, as a UsageSpender behind takes it; where messages were not yet charged for an
    earlier call, as a list. An answer that broke off at the limit of tokens is warned of, as is one without text.

    Example:
        :stage a :Chat ; :settings [ :baseUrl "http://localhost:8080/v1" ; :model "small" ] .
        file v1/chat/completions "{\\"model\\": \\"small-1\\", \\"choices\\": [
            {\\"message\\": {\\"content\\": \\"Hello.\\"}, \\"finish_reason\\": \\"stop\\"}],
            \\"usage\\": {\\"prompt_tokens\\": 9, \\"completion_tokens\\": 2}}"
        in {"content": "Say hello."}
        out {"content": "Hello.", "finishReason": "stop",
            "usage": {"input": 9, "output": 2, "call": "…", "model": "small-1"}}

    Guarantee: a prompt is sent once; again only where the server was out of reach, or turned it away as too busy.
    """

    writes = ("finishReason", "usage")

    provider: Literal["claude", "deepseek", "groq", "mistral", "ollama", "openai", "openrouter", "perplexity"] = (
        setting("mistral", "who serves the model, unless `:baseUrl` is given", fixed=True)
    )
    model: str = setting("", "the model's name, as its server has it; needed")
    base_url: str = setting(
        "", "address that those of the API begin with, such as `http://localhost:11434/v1`", fixed=True
    )
    key_variable: str = setting(
        "", "the variable of the environment that holds the key; the provider's usual one if empty", fixed=True
    )
    input_field: str = setting("content", "field with the prompt, as a dotted path", reads=True, fixed=True)
    output_field: str = setting("content", "field that receives the answer, as a dotted path", writes=True, fixed=True)
    system: str = setting("", "what the model is told before all else", fixed=True)
    history_field: str = setting(
        "", "field with the conversation so far: a list of objects with `role` and `content`", fixed=True
    )
    temperature: float | None = setting(None, "how much chance there is in the answer", minimum=0, fixed=True)
    max_tokens: int | None = setting(None, "the most tokens of the answer", minimum=1, fixed=True)
    options: str = setting("", "further members of the request, as a JSON object", fixed=True)
    timeout: Duration = setting(120.0, "seconds that an answer may take", minimum=0.001, fixed=True)
    max_bytes: int = setting(16_777_216, "the most bytes of an answer", minimum=1, fixed=True)
    attempts: int = setting(
        3, "how often is asked of a server that is out of reach or too busy", minimum=1, maximum=20, fixed=True
    )
    requests_per_second: float = setting(
        2, "at most so many requests a second; 0 for any number", minimum=0, fixed=True
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._fetcher: Fetcher | None = None
        self._headers: dict[str, str] = {}
        self._options: dict[str, Any] = {}

    def start(self) -> None:
        """Read the key and the options, and open the door to the network."""
        from transmissions import Fetcher

        base, usual = (self.base_url, "") if self.base_url else _PROVIDERS[self.provider]
        self._address = f"{base.rstrip('/')}/chat/completions"
        self._served_by = "" if self.base_url else self.provider
        self._options = _options(self.options)
        if variable := self.key_variable or usual:
            self._headers = {"authorization": f"Bearer {key_in(variable, 'the key to the model')}"}
            if urlsplit(base).scheme == "http" and not _is_here(urlsplit(base).hostname or ""):
                self.warn(f"the key goes to {base} as anybody on the way can read it; use https://")
        self._fetcher = Fetcher(
            self.context.network,
            timeout_s=self.timeout,
            max_bytes=self.max_bytes,
            # A prompt goes where the pipeline says, and nowhere else.
            max_redirects=0,
            attempts=self.attempts,
            per_second=self.requests_per_second,
            sleep=lambda seconds: wait(self.context, seconds),
        )

    def close(self) -> None:
        """Close the connections."""
        if self._fetcher is not None:
            self._fetcher.close()

    def process(self, message: Message) -> Message:
        """Return the message with the answer."""
        if not self.model:
            raise TransmissionsError("no model is named: set :model")
        prompt = {"role": "user", "content": as_text(require_field(message, self.input_field))}
        earlier = self._earlier(message)
        told = [{"role": "system", "content": self.system}] if self.system else []
        answer = self._ask({**self._options, "messages": [*told, *earlier, prompt]})
        text, reason = _text_of(answer)
        if not text:
            self.warn(f"the model {self.model} gave no text; it ended with {reason or 'no reason'}")
        elif reason == "length":
            self.warn(f"the answer of the model {self.model} broke off at the limit of tokens")
        set_field(message, self.output_field, text)
        message["finishReason"] = reason
        message["usage"] = _joined(message.get("usage"), self._usage(answer).as_json())
        if self.history_field:
            said = {"role": "assistant", "content": text}
            set_field(message, self.history_field, [*earlier, prompt, said])
        return message

    def _earlier(self, message: Message) -> list[dict[str, Any]]:
        found = get_field(message, self.history_field, []) if self.history_field else []
        if not isinstance(found, list) or not all(isinstance(one, dict) and "role" in one for one in found):
            raise ValueError(f"the field {self.history_field} holds no list of objects with a role and content")
        return [dict(one) for one in found]

    def _ask(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        assert self._fetcher is not None
        body: dict[str, Any] = {**asked, "model": self.model, "stream": False}
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        headers = {"content-type": "application/json", "accept": "application/json", **self._headers}
        fetched = self._fetcher.fetch(
            self._address, "POST", headers=headers, body=orjson.dumps(body), again_if_turned_away=True
        )
        self.bytes_done += len(fetched.content)
        try:
            answer = orjson.loads(fetched.content)
        except orjson.JSONDecodeError:
            answer = None
        if not 200 <= fetched.status < 300:
            said = _said(answer) or " ".join(fetched.text.split())
            status = f"{fetched.status} {fetched.reason}".rstrip()
            raise TransmissionsError(f"{self._address}: {status}" + (f": {said[:_SHOWN]}" if said else ""))
        if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list) or not answer["choices"]:
            raise TransmissionsError(f"{self._address}: its answer is no chat completion")
        return answer

    def _usage(self, answer: Mapping[str, Any]) -> UsageRecord:
        """Return what the call used, under an id of its own: those that servers give are not always unique."""
        said = answer.get("model")
        call, model = uuid.uuid4().hex, said if isinstance(said, str) and said else self.model
        usage = answer.get("usage")
        if isinstance(usage, dict):
            try:
                return normalise(
                    usage, provider=self._served_by, convention=Convention.INCLUSIVE, warn=self.warn, model=model
                )._replace(call=call)
            except InvalidUsage as error:
                self.warn(f"what the call used cannot be read: {error}")
        return UsageRecord(call, model=model, provider=self._served_by).as_unmeasured()


def _options(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TransmissionsError(f":options is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise TransmissionsError(":options is no JSON object")
    if taken := [name for name in _OURS if name in found]:
        raise TransmissionsError(f":options may not hold {taken[0]}: the stage says that itself")
    return found


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _text_of(answer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text of an answer, which may come in parts of which some are none, and why it ended."""
    choice = answer["choices"][0]
    content = get_field(choice, "message.content", None) if isinstance(choice, dict) else None
    if isinstance(content, list):
        texts = (one.get("text") for one in content if isinstance(one, dict) and one.get("type") == "text")
        content = "".join(one for one in texts if isinstance(one, str))
    reason = choice.get("finish_reason") if isinstance(choice, dict) else None
    return content if isinstance(content, str) else "", reason if isinstance(reason, str) else ""


def _said(answer: Any) -> str:
    """Return what a server says is wrong, in one of the ways in which they do."""
    if not isinstance(answer, dict):
        return ""
    for path in ("error.message", "error", "message", "detail"):
        found = get_field(answer, path)
        if found is not MISSING and isinstance(found, str):
            return " ".join(found.split())
    return ""


def _joined(earlier: Any, usage: dict[str, Any]) -> Any:
    """Return the usage of a call, behind that of earlier ones that nobody charged yet."""
    listed = earlier if isinstance(earlier, list) else [earlier]
    open_calls = [one for one in listed if isinstance(one, dict) and "outcome" not in one]
    return [*open_calls, usage] if open_calls else usage
