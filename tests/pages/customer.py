"""A helpful customer in front of the page: talks until there is a ticket."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.pages.chromium import PATIENCE_S, texts

MOST_TURNS = 10
BOT_WORDS = ".bot .bubble:not(.typing)"
FIRST_WORDS = "我家宽带断了两天了，报修过一次还没人来"
# What the customer answers to a question that holds these words; the first that fits.
ANSWERS = (
    ("地址|位置|哪里|装机", "朝阳区幸福路8号院3号楼"),
    ("电话|手机号|号码|联系", "138" + "0000" * 2),
    ("账号", "账号我不记得了"),
    ("时间|什么时候", "前天晚上开始的"),
)
OTHERWISE = "是的"


class NoTicket(AssertionError):
    """Show the conversation that led to nothing."""


def wait_until_sent(browser: webdriver.Chrome) -> None:
    """Wait until everything the customer has said is with the desk."""
    WebDriverWait(browser, PATIENCE_S).until(
        lambda b: texts(b, ".customer") and not texts(b, ".again, .sending, .queued")
    )


def _and_be_answered(browser: webdriver.Chrome, act: Callable[[], None]) -> None:
    before = len(texts(browser, BOT_WORDS))
    act()
    WebDriverWait(browser, PATIENCE_S).until(
        lambda b: len(texts(b, BOT_WORDS)) > before, "no answer from the bot"
    )
    # A turn may hold several replies.
    time.sleep(0.5)


def say(browser: webdriver.Chrome, words: str) -> None:
    """Write and send, then wait for the bot's next words."""
    field = browser.find_element(By.ID, "input")
    _and_be_answered(browser, lambda: field.send_keys(words, Keys.ENTER))


def go_on(browser: webdriver.Chrome) -> None:
    """Tap what confirms, where it is offered; else answer the bot's last question."""
    offered = browser.find_elements(By.CSS_SELECTOR, ".choices button")
    confirming = [button for button in offered if "确认" in button.text]
    if confirming:
        _and_be_answered(browser, confirming[0].click)
        return
    question = texts(browser, BOT_WORDS)[-1]
    fitting = (answer for words, answer in ANSWERS if re.search(words, question))
    say(browser, next(fitting, OTHERWISE))


def take_out_a_ticket(browser: webdriver.Chrome) -> None:
    """Talk until the ticket card is there."""
    say(browser, FIRST_WORDS)
    for _ in range(MOST_TURNS):
        if texts(browser, ".ticket"):
            return
        go_on(browser)
    raise NoTicket("\n".join(texts(browser, ".bubble")))
