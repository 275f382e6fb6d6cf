"""The customer page when nobody answers: honest about it, and usable by hand, eye and ear."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.pages.chromium import resize, texts, wait_for

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@pytest.fixture
def page(browser: webdriver.Chrome, static_site: str) -> webdriver.Chrome:
    """Open the page with no desk behind it."""
    browser.get(static_site)
    wait_for(browser, ".choices button")
    return browser


def field(page: webdriver.Chrome) -> WebElement:
    return page.find_element(By.ID, "input")


def own_texts(page: webdriver.Chrome) -> list[str]:
    return texts(page, ".customer .bubble")


def test_a_message_that_nobody_took_says_so_and_offers_another_try(page: webdriver.Chrome) -> None:
    field(page).send_keys("宽带断了", Keys.ENTER)
    wait_for(page, ".fate", "发送失败")

    assert own_texts(page) == ["宽带断了"]
    assert page.find_element(By.CSS_SELECTOR, ".again").text == "重试"


def test_an_unsent_message_outlives_a_reload(page: webdriver.Chrome) -> None:
    field(page).send_keys("宽带断了", Keys.ENTER)
    wait_for(page, ".fate", "发送失败")
    page.refresh()
    wait_for(page, ".fate", "上次未能送达")

    assert own_texts(page) == ["宽带断了"]


def test_shift_enter_makes_a_new_line_and_enter_sends(page: webdriver.Chrome) -> None:
    field(page).send_keys("第一行", Keys.SHIFT + Keys.ENTER, Keys.NULL, "第二行", Keys.ENTER)
    wait_for(page, ".customer .bubble")

    assert own_texts(page) == ["第一行\n第二行"]
    assert field(page).get_attribute("value") == ""


@pytest.mark.parametrize("event", ["{isComposing: true}", "{keyCode: 229}"])
def test_enter_that_ends_a_composition_does_not_send(page: webdriver.Chrome, event: str) -> None:
    field(page).send_keys("kuandai")
    page.execute_script(
        "const shared = {key: 'Enter', bubbles: true, cancelable: true};"
        "const input = document.getElementById('input');"
        f"input.dispatchEvent(new KeyboardEvent('keydown', {{...shared, ...{event}}}));"
    )

    assert own_texts(page) == []
    assert field(page).get_attribute("value") == "kuandai"


LENGTHS = [
    # far from the limit nothing distracts
    (1700, "", False),
    (1900, "1900 / 2000", False),
    (2000, "2000 / 2000", False),
    # nothing is cut off: the customer sees by how much it is too long
    (2007, "超出 7 字，请分几次发送", True),
]


@pytest.mark.parametrize(("length", "shown", "refused"), LENGTHS)
def test_the_counter_speaks_up_near_the_limit(
    page: webdriver.Chrome, length: int, shown: str, *, refused: bool
) -> None:
    page.execute_script(
        "const input = document.getElementById('input'); input.value = '网'.repeat(arguments[0]);"
        "input.dispatchEvent(new Event('input', {bubbles: true}));",
        length,
    )
    wait_for(page, ".composer")

    assert "".join(texts(page, ".counter")) == shown
    assert page.find_element(By.CSS_SELECTOR, ".send").is_enabled() is not refused


def test_large_type_is_remembered(page: webdriver.Chrome) -> None:
    size = "return getComputedStyle(document.querySelector('.bubble')).fontSize"
    before = page.execute_script(size)
    page.find_element(By.CSS_SELECTOR, "button[aria-pressed]").click()
    page.refresh()
    wait_for(page, ".choices button")

    assert (before, page.execute_script(size)) == ("16px", "20px")


def test_the_first_tab_leads_past_the_log_to_the_field(page: webdriver.Chrome) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    page.switch_to.active_element.send_keys(Keys.ENTER)

    assert page.switch_to.active_element.get_attribute("id") == "input"


def test_a_choice_taken_by_keyboard_leaves_the_focus_in_the_field(page: webdriver.Chrome) -> None:
    choice = page.find_element(By.CSS_SELECTOR, ".choices button")
    said = choice.text
    choice.send_keys(Keys.ENTER)
    wait_for(page, ".customer .bubble", said)

    assert page.switch_to.active_element.get_attribute("id") == "input"


def test_new_messages_are_read_out_but_history_is_not(page: webdriver.Chrome) -> None:
    log = page.find_element(By.CSS_SELECTOR, "[role=log]")

    assert log.get_attribute("aria-live") == "polite"
    assert log.get_attribute("aria-relevant") == "additions"


def test_a_person_can_be_asked_for_from_the_start(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, ".human").click()
    wait_for(page, ".customer .bubble")

    assert own_texts(page) == ["转人工"]


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("large", [False, True])
def test_nothing_sticks_out_sideways(page: webdriver.Chrome, width: int, *, large: bool) -> None:
    resize(page, width, 800)
    if large:
        page.find_element(By.CSS_SELECTOR, "button[aria-pressed]").click()
    field(page).send_keys("x" * 200, Keys.ENTER)
    wait_for(page, ".customer .bubble")
    over = page.execute_script(
        "return ['html', '.log', '.top'].map((s) => document.querySelector(s))"
        ".map((e) => e.scrollWidth - e.clientWidth)"
    )

    assert over == [0, 0, 0]


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_to_say(page: webdriver.Chrome, width: int) -> None:
    resize(page, width, 844)
    page.execute_script(AXE.read_text(encoding="utf-8"))
    found = page.execute_async_script("axe.run().then(arguments[0])")["violations"]

    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
