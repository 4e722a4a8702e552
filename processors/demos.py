"""Processors that show how settings arrive; applications use them to try theirs."""

from __future__ import annotations

from transmissions import Message, Processor, setting

__all__ = ["TestSetting", "TestSettings"]


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
