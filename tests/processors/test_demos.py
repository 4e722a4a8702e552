"""Example: an application of the JavaScript project that shows where settings come from shows it here."""

from __future__ import annotations

from pathlib import Path

import transmissions

PREFIX = "@prefix : <http://purl.org/stuff/transmissions/> .\n"


def test_each_stage_shows_what_its_settings_say(tmp_path: Path) -> None:
    """The file of transmissions comes before the configuration, a message's field before both, but for `me`."""
    (tmp_path / "transmissions.ttl").write_text(
        f"{PREFIX}:t a :Transmission ; :pipe (:p10 :p20) .\n:p10 a :Example ; :settings :one .\n"
        ':p20 a :Example ; :settings :two .\n:two :added "from transmissions" .'
    )
    (tmp_path / "config.ttl").write_text(
        f'{PREFIX}:one :me "one" ; :common "of one" ; :something1 "1" .\n'
        ':two :me "two" ; :common "of two" ; :something2 "2" ; :added "from config" .'
    )
    (left,) = transmissions.load(tmp_path).stream(messages={"something2": "from the message"})
    shown = {name: left[name] for name in ("me", "common", "something1", "something2", "added")}
    assert shown == {
        "me": "two",
        "common": "of one",
        "something1": "1",
        "something2": "from the message",
        "added": "from transmissions",
    }
