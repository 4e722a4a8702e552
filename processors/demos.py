"""Processors that show how settings arrive; applications use them to try theirs."""

from __future__ import annotations

from transmissions import Message, Processor, setting

__all__ = ["Example", "TestSetting", "TestSettings"]


class Example(Processor):
    """Put the values of its settings into fields of their names, to see which of two stages said what.

    It stands where a processor of one's own is to come: with it a pipeline can be tried before there is one.

    Example:
        :example a :EntryTransmission ; :pipe (:first :second) .
        :first a :Example ; :settings [ :me "first" ; :common "of both" ; :something1 "of the first" ] .
        :second a :Example ; :settings [ :me "second" ; :common "of both" ; :something2 "of the second" ] .
        in {"content": "Good morning."}
        out {"content": "Good morning.", "me": "second", "common": "of both", "something1": "of the first",
            "something2": "of the second"}

    Guarantee: pure.
    """

    writes = ("added", "common", "me", "something1", "something2")

    me: str = setting("", "what the settings call themselves", fixed=True)
    common: str = setting("", "any text")
    something1: str = setting("", "any text")
    something2: str = setting("", "any text")
    added: str = setting("", "any text")

    def process(self, message: Message) -> Message:
        """Return the message with the settings that have a value."""
        for name in ("me", "common", "something1", "something2", "added"):
            if value := getattr(self, name):
                message[name] = value
        return message


class TestSetting(Processor):
    """Put the value of a setting into the field `settingValue`, to see where it comes from.

    Example:
        :stage a :TestSetting ; :settings [ :theSettingProperty "from the pipeline" ] .
        out {"settingValue": "from the pipeline"}

    Guarantee: pure.
    """

    __test__ = False
    takes_done = True
    writes = ("settingValue",)

    the_setting_property: object = setting("", "any text")

    def process(self, message: Message) -> Message:
        """Return the message with the setting's value."""
        message["settingValue"] = self.the_setting_property
        return message


class TestSettings(Processor):
    """Show the values of several settings, of which some take several, and set the field `test`.

    Example:
        :stage a :TestSettings ; :settings [ :name "settings" ; :aSetting "one", "two" ] .
        out {"test": "this came from message"}
        logged :stage name: settings, a_setting: one, two

    Guarantee: pure.
    """

    __test__ = False
    takes_done = True
    writes = ("test",)

    me: str = setting("", "what the settings call themselves")
    name: str = setting("", "any text")
    uri: str = setting("", "an address")
    path: str = setting("", "an address that stands for a path")
    a_setting: list[str] = setting((), "texts")
    b_setting: list[str] = setting((), "texts")
    items: list[str] = setting((), "texts, or addresses")

    def process(self, message: Message) -> Message:
        """Show the settings, and return the message with `test`."""
        shown = {name: getattr(self, name) for name in ("me", "name", "uri", "path", "a_setting", "b_setting", "items")}
        text = ", ".join(f"{name}: {_shown(value)}" for name, value in shown.items() if value)
        self.context.log("notice", text or "no settings", {})
        message["test"] = "this came from message"
        return message


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
