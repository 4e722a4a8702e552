"""The tree of a conversation's messages: edited questions and retried answers make branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from processors.chat.times import utc_text

__all__ = ["Tree", "is_linear", "make_tree"]

ROOT = "00000000-0000-4000-8000-000000000000"

Raw = dict[str, Any]


@dataclass(slots=True)
class Tree:
    """Messages as a tree, by their places in the list.

    Args:
        messages: in the order of the export.
        parents: the place of each one's parent; -1 for a first message.
        leaf: the place of the message that the active branch ends with.
    """

    messages: list[Raw]
    parents: list[int]
    leaf: int

    def path(self, leaf: int) -> list[int]:
        """Return the places from a first message down to `leaf`."""
        places = []
        while leaf >= 0:
            places.append(leaf)
            leaf = self.parents[leaf]
        return places[::-1]

    def leaves(self) -> list[int]:
        """Return the places of the messages without an answer; the active branch's first."""
        inner = set(self.parents)
        others = [place for place in range(len(self.messages)) if place not in inner and place != self.leaf]
        return [self.leaf, *others]

    def branches(self) -> list[tuple[int, int]]:
        """Return each place once, with the number of its branch from 1 on: a branch is followed to its end first."""
        children: dict[int, list[int]] = {}
        for place, parent in enumerate(self.parents):
            children.setdefault(parent, []).append(place)
        ordered: list[tuple[int, int]] = []
        number = 0
        waiting = [(place, place != children[-1][0]) for place in reversed(children[-1])]
        while waiting:
            place, starts_branch = waiting.pop()
            number += starts_branch or not ordered
            ordered.append((place, number))
            below = children.get(place, [])
            waiting += [(child, child != below[0]) for child in reversed(below)]
        return ordered


def is_linear(messages: list[Raw]) -> bool:
    """Say whether the order of the list is all there is to know: each message answers the one before it."""
    parents = [message.get("parent_message_uuid") for message in messages]
    if not any(parents):
        return True
    return parents[1:] == [message.get("uuid") for message in messages[:-1]] and parents[0] in (None, "", ROOT)


def make_tree(messages: list[Raw], active: Any, warn: Callable[[str], None]) -> Tree:
    """Return the tree of the messages, of which there is at least one; what is no tree is made one, with a warning.

    Args:
        messages: in the order of the export, each id once.
        active: the id of the last message of the active branch, if the export says it; else the newest leaf counts.
        warn: is told what was wrong.
    """
    places = {message.get("uuid"): place for place, message in enumerate(messages)}
    parents: list[int] = []
    dangling = 0
    for place, message in enumerate(messages):
        parent = message.get("parent_message_uuid")
        if parent == ROOT:
            parents.append(-1)
        elif not isinstance(parent, str) or parent not in places:
            dangling += bool(parent) and place > 0
            parents.append(place - 1)
        else:
            parents.append(places[parent])
    if dangling:
        warn(f"{dangling} messages answer a message that is not there; each is taken to answer the one before it")
    if _cut_cycles(parents):
        warn("messages answer each other in a circle; the first of them is taken to begin a branch")
    tree = Tree(messages, parents, 0)
    inner = set(parents)
    leaves = [place for place in range(len(messages)) if place not in inner]
    if active in places and isinstance(active, str):
        tree.leaf = places[active]
    else:
        tree.leaf = max(leaves, key=lambda place: (utc_text(messages[place].get("created_at")), place))
    return tree


def _cut_cycles(parents: list[int]) -> bool:
    """Make the first message of every circle one without a parent; return whether there was any."""
    found = False
    checked = [False] * len(parents)
    for start in range(len(parents)):
        trail: dict[int, None] = {}
        place = start
        while place >= 0 and not checked[place] and place not in trail:
            trail[place] = None
            place = parents[place]
        if place >= 0 and place in trail:
            circle = list(trail)[list(trail).index(place) :]
            parents[min(circle)] = -1
            found = True
        for one in trail:
            checked[one] = True
    return found
