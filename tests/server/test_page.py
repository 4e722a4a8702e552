"""The live page in a browser: what a person sees of a run, and that a click ends it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import PATIENCE_S, TOKEN, Client

pytestmark = pytest.mark.programs("chromedriver")
ASKED = {"pipeline": "numbers.ttl", "parameters": {"file": "stop"}}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=900,1070",
]
SCREENSHOT = "TRANSMISSIONS_SCREENSHOT"
"""Names the file that the picture in the documentation is written to."""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A headless Chromium with a profile of its own."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        if os.environ.get("TRANSMISSIONS_TEST_BROWSER"):
            pytest.fail("the page is to be tested, and there is no chromium or chromedriver on the path")
        pytest.skip("the page is not tested: there is no chromium with chromedriver on the path")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield opened
    finally:
        opened.quit()


def until(browser: Any, what: str) -> Any:
    """Wait until an expression of the page is true, and return it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, PATIENCE_S, 0.05).until(lambda page: page.execute_script(f"return {what}"))


def text(of: str) -> str:
    """Return the expression of the text of an element that is seen, "" if it is not."""
    return f'(e => e && e.checkVisibility() ? e.textContent : "")(document.querySelector("{of}"))'


def complaints(browser: Any) -> list[str]:
    """Return what the browser complained of: scripts that failed, and what the policy forbade."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_run_is_watched_live_and_aborted_by_a_click(client: Client, browser: Any) -> None:
    """Graph, rates, buffers, blocked stages and log come in by themselves; the click ends the run, visibly."""
    job = client.post("/api/jobs", ASKED).json["job"]
    browser.get(f"http://127.0.0.1:{client.port}/#token={TOKEN}")
    assert until(browser, text("#jobs .status")) == "running"
    assert TOKEN not in browser.current_url
    browser.find_element("css selector", "#jobs a").click()
    assert until(browser, text("#status")) == "running"
    until(browser, "[...document.querySelectorAll('.rate')].every(one => /^[1-9].*\\/s$/.test(one.textContent))")
    until(browser, text("#verdict") + '.includes("slowest: :digest")')
    until(browser, text("#verdict") + '.includes("blocked, waiting for room: :")')
    until(browser, "[...document.querySelectorAll('.held')].some(one => Number(one.getAttribute('width')) > 50)")
    assert ":count at 0" in until(browser, text("#log"))
    before = until(browser, text("#counts"))
    until(browser, text("#counts") + f" !== {before!r}")
    if where := os.environ.get(SCREENSHOT):
        browser.save_screenshot(where)
    browser.find_element("id", "abort").click()
    until(browser, text("#status") + ' === "aborted"')
    assert until(browser, text("#reason")) == "aborted on the page"
    assert browser.execute_script(f"return {text('#abort')}") == ""
    browser.refresh()
    # What it last told of itself is still there for one who comes later.
    assert "out" in until(browser, text("[data-stage=digest] .figures"))
    assert client.get(f"/api/jobs/{job}").json["job"]["status"] == "aborted"
    assert complaints(browser) == []


def test_the_page_asks_for_the_token_and_says_when_it_is_wrong(client: Client, browser: Any) -> None:
    """Nothing is shown before; a wrong one opens nothing."""
    browser.get(f"http://127.0.0.1:{client.port}/")
    until(browser, text("#door"))
    field = browser.find_element("id", "token")
    field.send_keys("wrong\n")
    assert "not the token" in until(browser, text("#door-said"))
    field.send_keys(f"{TOKEN}\n")
    assert "no jobs yet" in until(browser, text("#no-jobs"))


def test_the_page_says_when_there_is_no_such_job_and_leads_back(client: Client, browser: Any) -> None:
    """Nobody is left with an empty page; the keyboard alone opens a job, and leads back to the list."""
    from selenium.webdriver.common.keys import Keys

    client.post("/api/jobs", {"pipeline": "hello"})
    browser.get(f"http://127.0.0.1:{client.port}/#token={TOKEN}")
    until(browser, text("#jobs .status"))
    browser.get(f"http://127.0.0.1:{client.port}/#job=nothing")
    assert "there is no such job" in until(browser, text("#notice-said"))
    browser.find_element("css selector", "#notice a").send_keys(Keys.ENTER)
    assert until(browser, text("#jobs .status")) == "complete"
    browser.find_element("css selector", "#jobs a").send_keys(Keys.ENTER)
    assert until(browser, text("#status")) == "complete"
    assert until(browser, "document.activeElement.id") == "name"
    assert "hello" in until(browser, text("#about"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(client: Client, browser: Any, scheme: str) -> None:
    """In light and dark the colours of texts differ from the page, and from boxes, by 4.5 to 1 at least."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(f"http://127.0.0.1:{client.port}/#token={TOKEN}")
    colours = browser.execute_script(
        "const style = getComputedStyle(document.documentElement);"
        "return Object.fromEntries(arguments[0].map(name => [name, style.getPropertyValue('--' + name).trim()]))",
        ["page", "box", "failed", "ink", "dim", "edge", "good", "bad", "warn"],
    )
    pairs = [*((one, "page") for one in ("ink", "dim", "edge", "good", "bad", "warn"))]
    pairs += [("ink", "box"), ("dim", "box"), ("warn", "box"), ("bad", "box"), ("ink", "failed"), ("bad", "failed")]
    weak = [pair for pair in pairs if _contrast(colours[pair[0]], colours[pair[1]]) < 4.5]
    assert weak == []


def _contrast(one: str, other: str) -> float:
    """Return the ratio of the lightness of two colours, as the guidelines for accessible pages count it."""

    def lightness(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((lightness(one), lightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_texts_of_a_run_are_shown_as_texts(client: Client, browser: Any) -> None:
    """Markup in a log or a reason makes no element of the page, and a phone needs no sideways scrolling."""
    markup = "<img src=x onerror=document.title='broken'>"
    job = client.post("/api/jobs", ASKED).json["job"]
    client.post(f"/api/jobs/{job}/abort", {"reason": markup})
    browser.set_window_size(400, 800)
    browser.get(f"http://127.0.0.1:{client.port}/#token={TOKEN}")
    browser.get(f"http://127.0.0.1:{client.port}/#job={job}")
    assert until(browser, text("#reason")) == markup
    assert browser.execute_script("return document.images.length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
