"""Chapters 1.3 and 3.1 on the customer page: from the first words to a ticket with a due time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.pages.chromium import texts, wait_for
from tests.pages.customer import say, take_out_a_ticket, wait_until_sent

pytestmark = [pytest.mark.browser, pytest.mark.rasa]

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@pytest.fixture
def page(browser: webdriver.Chrome, live_desk: str) -> webdriver.Chrome:
    """Open the customer page of a running desk."""
    browser.get(live_desk)
    wait_for(browser, ".choices button")
    return browser


def rows_at_the_desk(page: webdriver.Chrome) -> list[str]:
    """Return the customer's messages as the desk has stored them."""
    return page.execute_async_script(
        "const done = arguments[0];"
        "const { token } = JSON.parse(localStorage.getItem('intake.session'));"
        "fetch('/api/v1/messages?after=0', { headers: { Authorization: `Bearer ${token}` } })"
        ".then((answer) => answer.json())"
        ".then(({ data }) => done(data.messages"
        ".filter((m) => m.author === 'customer').map((m) => m.text)));"
    )


def complaints_of(page: webdriver.Chrome) -> list[str]:
    """Return what the browser itself found wrong."""
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_customer_gets_a_number_a_class_and_a_due_time(page: webdriver.Chrome) -> None:
    take_out_a_ticket(page)
    card = texts(page, ".ticket")[0]
    dues = texts(page, ".ticket .due")

    assert "重大问题" in card
    assert "宽带故障" in card
    assert "2.4" in card
    assert re.search(r"工单号\s*\S{8,}", card)
    assert [bool(re.search(r"\d+月\d+日 \d\d:\d\d 前\s*还剩", due)) for due in dues] == [True, True]
    assert complaints_of(page) == []


def test_talk_and_ticket_are_still_there_after_a_reload(page: webdriver.Chrome) -> None:
    take_out_a_ticket(page)
    said, number = texts(page, ".bubble"), texts(page, ".ticket .number strong")
    page.refresh()
    wait_for(page, ".ticket")

    assert (texts(page, ".bubble"), texts(page, ".ticket .number strong")) == (said, number)


def test_a_ticket_is_readable_for_everybody(page: webdriver.Chrome) -> None:
    take_out_a_ticket(page)
    page.execute_script(AXE.read_text(encoding="utf-8"))
    found = page.execute_async_script("axe.run().then(arguments[0])")["violations"]
    over = page.execute_script(
        "const log = document.querySelector('.log'); return log.scrollWidth - log.clientWidth"
    )

    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
    assert over == 0


def test_a_retry_reaches_the_desk_once(page: webdriver.Chrome) -> None:
    say(page, "你好")
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/v1/messages"]})
    page.find_element(By.ID, "input").send_keys("手机没有信号", Keys.ENTER)
    wait_for(page, ".fate", "发送失败")
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.find_element(By.CSS_SELECTOR, ".again").click()
    wait_until_sent(page)

    assert texts(page, ".customer .bubble") == ["你好", "手机没有信号"]
    assert rows_at_the_desk(page) == ["你好", "手机没有信号"]


def test_what_is_written_offline_goes_out_when_the_network_is_back(page: webdriver.Chrome) -> None:
    say(page, "你好")
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {**network, "offline": True})
    wait_for(page, ".top .line", "网络已断开")
    page.find_element(By.ID, "input").send_keys("手机没有信号", Keys.ENTER)
    wait_for(page, ".fate", "恢复后自动发送")
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {**network, "offline": False})
    wait_until_sent(page)

    assert rows_at_the_desk(page) == ["你好", "手机没有信号"]


def test_a_person_is_one_tap_away(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, ".human").click()
    wait_for(page, ".top .line", "正在排队")

    assert texts(page, ".human") == ["排队中"]


def test_a_tapped_choice_is_said_in_the_customers_name(page: webdriver.Chrome) -> None:
    choice = page.find_element(By.CSS_SELECTOR, ".choices button")
    choice.click()
    wait_until_sent(page)

    assert len(texts(page, ".customer .bubble")) == 1
    assert rows_at_the_desk(page) == texts(page, ".customer .bubble")


def test_nothing_but_the_pages_own_files_is_fetched(page: webdriver.Chrome, live_desk: str) -> None:
    fetched = page.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )

    assert [name for name in fetched if not name.startswith(live_desk.rstrip("/"))] == []


def test_the_page_forbids_itself_foreign_and_inline_code(page: webdriver.Chrome) -> None:
    policy = page.execute_async_script(
        "fetch('/').then((a) => arguments[0](a.headers.get('Content-Security-Policy')))"
    )

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
