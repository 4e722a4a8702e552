"""Which providers count cached tokens within the input they report, and which beside it.

The shape of the metadata does not tell: two providers report the same keys and mean different numbers. So the
convention is the provider's, by the rules here, or it is given.
"""

from __future__ import annotations

import enum
import re

__all__ = ["PROVIDER_RULES", "Convention", "convention_of", "provider_id"]


class Convention(enum.StrEnum):
    """What a provider's number of input tokens holds."""

    INCLUSIVE = "inclusive"
    """Cached tokens are a part of it: 6300 input, of which 5000 were read from the cache."""
    ADDITIVE = "additive"
    """Cached tokens are counted beside it: 1000 input, and 5000 read from the cache."""


PROVIDER_RULES: dict[str, Convention] = {
    "anthropic": Convention.ADDITIVE,
    "bedrock": Convention.ADDITIVE,
    **dict.fromkeys(
        (
            "openai", "azure", "google", "x-ai", "deepseek", "openrouter", "moonshotai", "groq", "mistral", "together",
            "fireworks", "perplexity", "cerebras", "zai", "minimax",
        ),
        Convention.INCLUSIVE,
    ),
}  # fmt: skip
"""The convention of each provider's own metadata, by the provider's name here."""

_OTHER_NAMES = {
    "aws": "bedrock",
    "amazon": "bedrock",
    "amazonbedrock": "bedrock",
    "bedrockconverse": "bedrock",
    "claude": "anthropic",
    "azureopenai": "azure",
    "codex": "openai",
    "gemini": "google",
    "googlegenai": "google",
    "googlegla": "google",
    "googlevertex": "google",
    "vertexai": "google",
    "vertex": "google",
    "xai": "x-ai",
    "moonshot": "moonshotai",
    "mistralai": "mistral",
    "togetherai": "together",
    "fireworksai": "fireworks",
}


def provider_id(provider: str) -> str:
    """Return a provider's name as the rules here have it; one that they do not know, in lower case.

    >>> provider_id("Azure_OpenAI"), provider_id("vertexai"), provider_id("mine")
    ('azure', 'google', 'mine')
    """
    plain = re.sub(r"[\W_]", "", provider.lower())
    return _OTHER_NAMES.get(plain) or next(
        (known for known in PROVIDER_RULES if known.replace("-", "") == plain), provider.lower()
    )


def convention_of(provider: str) -> Convention | None:
    """Return what the rules say of a provider, by any of its usual names; None if they do not know it."""
    return PROVIDER_RULES.get(provider_id(provider))
