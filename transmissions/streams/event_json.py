"""Events as JSON, to the byte as Go's `encoding/json` writes them, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from transmissions.errors import InvalidEvent
from transmissions.problem import nearest
from transmissions.streams.event_data import MAX_DIGITS, shown
from transmissions.streams.events import EVENT_TYPES, Event
from transmissions.streams.rfc3339 import read_moment, write_moment

__all__ = ["decode_event", "encode_event", "event_from_message"]

_FIELDS = ("type", "data", "timestamp")
_ESCAPED_BY_GO = re.compile("[<>&\u2028\u2029]")
_EXAMPLE = "2024-01-01T12:00:00.5+02:00"


def encode_event(event: Event) -> str:
    """Return an event as one line of JSON.

    >>> from datetime import UTC, datetime
    >>> from transmissions.streams import TextDelta
    >>> encode_event(TextDelta("a < b", timestamp=datetime(2024, 1, 1, tzinfo=UTC)))
    '{"type":"TextDelta","data":{"text":"a \\\\u003c b"},"timestamp":"2024-01-01T00:00:00Z"}'
    """
    moment = write_moment(event.timestamp, event.nanoseconds)
    own = {key: getattr(event, key) for key in event.keys}
    return f'{{"type":"{event.type}","data":{_write(own | dict(event.extra))},"timestamp":"{moment}"}}'


def decode_event(source: str | bytes | Mapping[str, Any]) -> Event:
    """Return the event that JSON text, or its plain values, holds.

    Raises:
        InvalidEvent: it is not JSON, has other fields than an event, or is not what its type asks for.
    """
    values = source if isinstance(source, Mapping) else _parsed(source)
    if not isinstance(values, Mapping):
        raise InvalidEvent(f"an event must be an object with type, data and timestamp, got {shown(values)}")
    for name in values:
        if name not in _FIELDS:
            guess = nearest(name, _FIELDS) if isinstance(name, str) else None
            hint = f"did you mean {guess}?" if guess else "it has type, data and timestamp"
            raise InvalidEvent(f"an event has no field {name!r}; {hint}")
    return event_from_message(values)


def event_from_message(message: Mapping[str, Any]) -> Event:
    """Return the event that a message of a pipeline holds; fields besides type, data and timestamp are let be.

    Raises:
        InvalidEvent: one of the three is missing, or is not what the type asks for.
    """
    for name in _FIELDS:
        if name not in message:
            raise InvalidEvent(f"an event must have the field {name}; this one has {_names(message)}")
    cls = _class(message["type"])
    data = message["data"]
    if not isinstance(data, Mapping):
        raise InvalidEvent(f"{cls.type}: data must be an object, got {shown(data)}")
    for key, expected in cls.keys.items():
        if key not in data:
            guess = nearest(key, [one for one in data if isinstance(one, str)])
            hint = f"did you mean it by {guess!r}?" if guess else f"its data has {_names(data)}"
            raise InvalidEvent(f"{cls.type}: {key} is missing, {expected}; {hint}")
    own = {key: data[key] for key in cls.keys}
    extra = {key: value for key, value in data.items() if key not in cls.keys}
    return cls(**own, **_moment(message["timestamp"], cls.type), extra=extra)


def _class(name: object) -> type[Event]:
    if isinstance(name, str) and name in EVENT_TYPES:
        return EVENT_TYPES[name]
    guess = nearest(name, EVENT_TYPES) if isinstance(name, str) else None
    hint = f"did you mean {guess}?" if guess else f"there are {', '.join(EVENT_TYPES)}"
    raise InvalidEvent(f"type must be that of an event, got {shown(name)}; {hint}")


def _moment(text: object, name: str) -> dict[str, Any]:
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        timestamp, nanoseconds = read_moment(text)
    except ValueError as error:
        raise InvalidEvent(
            f"{name}: timestamp must be an RFC 3339 time such as {_EXAMPLE}, got {shown(text)} ({error})"
        ) from None
    return {"timestamp": timestamp, "nanoseconds": nanoseconds}


def _names(values: Mapping[Any, Any]) -> str:
    return ", ".join(repr(one)[:40] for one in list(values)[:10]) or "nothing"


# Reading.


def _parsed(source: str | bytes) -> Any:
    try:
        text = source if isinstance(source, str) else bytes(source).decode()
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_no_number
        )
    except UnicodeDecodeError as error:
        raise InvalidEvent(f"an event must be UTF-8; byte {error.start} is 0x{error.object[error.start]:02x}") from None
    except json.JSONDecodeError as error:
        raise InvalidEvent(
            f"an event must be JSON: {error.msg[:1].lower()}{error.msg[1:]}, line {error.lineno} column {error.colno}"
        ) from None
    except RecursionError:
        raise InvalidEvent("an event must be nested at most 100 deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidEvent(f"a key must stand once in an object, and {twice!r} stands there twice")
    return values


def _int(digits: str) -> int | float:
    if len(digits) > MAX_DIGITS:
        raise InvalidEvent(f"a number must have at most {MAX_DIGITS} digits, got one of {len(digits)}")
    # What Go writes for the float -0; no whole number keeps the sign.
    return -0.0 if digits == "-0" else int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise InvalidEvent(f"a number must not be larger than a float can be, got {digits[:40]}")
    return value


def _no_number(name: str) -> Any:
    raise InvalidEvent(f"an event must be JSON, which has no {name}")


# Writing.


def _write(value: Any) -> str:
    if isinstance(value, str):
        return _write_text(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _write_float(value)
    if isinstance(value, Mapping):
        # Sorted by code point, which is the order of the bytes in UTF-8, and Go's.
        return "{" + ",".join(f"{_write_text(key)}:{_write(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(map(_write, value)) + "]"


def _write_text(text: str) -> str:
    return _ESCAPED_BY_GO.sub(lambda found: f"\\u{ord(found[0]):04x}", encode_basestring(text))


def _write_float(value: float) -> str:
    """Return a float with the fewest digits that read back the same, with an exponent where Go has one."""
    if value.is_integer() and abs(value) < 1e21:
        # All digits, so that the whole number read back equals the float; beyond 2**53 Go fills up with zeros.
        return "-0" if value == 0 and str(value)[0] == "-" else str(int(value))
    digits, _, exponent = float.__repr__(value).partition("e")
    if not exponent:
        return digits
    if abs(value) >= 1e-6 and int(exponent) < 0:
        sign, figures = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
        return f"{sign}0.{'0' * (-int(exponent) - 1)}{figures.replace('.', '')}"
    return f"{digits}e{exponent[0]}{exponent[1:].lstrip('0').rjust(1 if exponent[0] == '-' else 2, '0')}"
