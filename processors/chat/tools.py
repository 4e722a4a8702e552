"""The use of tools: each use with its result, and both as Markdown."""

from __future__ import annotations

from typing import Any

from processors.chat.fences import code_block
from processors.chat.markup import as_json, escaped, text_of

__all__ = ["input_of", "label_of", "pair_results", "result_of"]

Raw = dict[str, Any]


def label_of(result: Raw) -> str:
    """Return the line above a tool's result."""
    return "Result (an error):" if result.get("is_error") else "Result:"


def input_of(given: Any) -> str:
    """Return what a tool was given; texts of several lines each in a block of its own, where they can be read."""
    if not isinstance(given, dict):
        return code_block(text_of(given))
    long = {name: value for name, value in given.items() if isinstance(value, str) and "\n" in value}
    rest = {name: value for name, value in given.items() if name not in long}
    parts = [code_block(as_json(rest), "json")] if rest else []
    parts += [f"{escaped(str(name))}:\n\n{code_block(value)}" for name, value in long.items()]
    return "\n\n".join(parts)


def result_of(block: Raw) -> str:
    """Return what a tool answered: its text as a block, and links to what it found or made."""
    content = block.get("content")
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return code_block(text) if (text := text_of(content)) else ""
    parts: list[str] = []
    links: list[str] = []
    for one in content:
        if not isinstance(one, dict):
            parts.append(text_of(one))
        elif isinstance(one.get("url"), str) and one["url"]:
            links.append(f"- [{escaped(text_of(one.get('title')) or one['url'])}](<{one['url'].replace('>', '%3E')}>)")
        elif isinstance(one.get("text"), str):
            parts.append(one["text"])
        elif one.get("type") == "local_resource":
            name = text_of(one.get("name")) or text_of(one.get("file_path")) or "unnamed"
            links.append(f"- {escaped(name)} (not in the export)")
        else:
            parts.append(as_json(one))
    text = "\n".join(filter(None, parts))
    return "\n\n".join(filter(None, (code_block(text) if text else "", "\n".join(links))))


def pair_results(blocks: list[Raw]) -> dict[int, Raw]:
    """Return the result of each tool's use, by the place of the use; and, at -1 - place, that a result is used."""
    pairs: dict[int, Raw] = {}
    uses = [place for place, block in enumerate(blocks) if block.get("type") == "tool_use"]
    results = [place for place, block in enumerate(blocks) if block.get("type") == "tool_result"]
    by_id = {id_: place for place in uses if isinstance(id_ := blocks[place].get("id"), str) and id_}
    left = []
    for place in results:
        wanted = blocks[place].get("tool_use_id")
        use = by_id.get(wanted) if isinstance(wanted, str) else None
        if use is None or use in pairs:
            left.append(place)
        else:
            pairs[use], pairs[-1 - place] = blocks[place], blocks[place]
    for place in left:
        name = blocks[place].get("name")
        before = [use for use in uses if use < place and use not in pairs]
        use = next((one for one in before if blocks[one].get("name") == name), before[0] if before else None)
        if use is not None and not (name and blocks[use].get("name") not in (name, None)):
            pairs[use], pairs[-1 - place] = blocks[place], blocks[place]
    return pairs
