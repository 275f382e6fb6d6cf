"""Pictures and the proof of a phone on the customer page, in a real browser against a desk without an engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.channels.simulators.wechat import PNG
from tests.needs import chromium
from tests.pages.chromium import PATIENCE_S, texts, wait_for
from tests.stack import Stack, start_desk_alone

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser = chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = start_desk_alone(tmp_path_factory.mktemp("home"))
    yield stack
    stack.stop()


@pytest.fixture
def desk(stack: Stack) -> str:
    return stack.url


@pytest.fixture
def page(browser: webdriver.Chrome, desk: str) -> webdriver.Chrome:
    """Open the page of a customer who was never here."""
    browser.get(desk)
    browser.execute_script("localStorage.clear()")
    browser.get(desk)
    wait_for(browser, ".choices button")
    browser.get_log("browser")
    return browser


def choose(page: webdriver.Chrome, path: Path) -> None:
    page.find_element(By.ID, "picture").send_keys(str(path))


def shown(page: webdriver.Chrome) -> str | None:
    """Return where the customer's picture is shown from, once it can be seen."""
    return page.execute_script(
        "const img = document.querySelector('.message.customer img');"
        "return img && img.complete && img.naturalWidth === 1 ? img.src : null"
    )


def until(page: webdriver.Chrome, condition: object) -> None:
    WebDriverWait(page, PATIENCE_S).until(condition)


def test_a_picture_is_sent_shown_and_still_there_after_a_reload(
    page: webdriver.Chrome, desk: str, tmp_path: Path
) -> None:
    path = tmp_path / "router.png"
    path.write_bytes(PNG)
    choose(page, path)

    until(page, lambda b: (shown(b) or "").startswith(desk))
    until(page, lambda b: any("图片已收到" in words for words in texts(b, ".bot .bubble")))
    assert [e for e in page.get_log("browser") if e["level"] == "SEVERE"] == []
    page.refresh()
    until(page, lambda b: (shown(b) or "").startswith(desk))


def test_a_picture_on_its_way_is_previewed(page: webdriver.Chrome, tmp_path: Path) -> None:
    page.execute_script(
        "const send = window.fetch; window.fetch = (path, options) =>"
        " path === '/api/v1/pictures' ? new Promise(() => {}) : send(path, options);"
    )
    path = tmp_path / "router.png"
    path.write_bytes(PNG)
    choose(page, path)

    until(page, lambda b: (shown(b) or "").startswith("blob:"))
    assert texts(page, ".message.sending .fate") == ["发送中…"]


def test_what_is_no_picture_is_refused_and_can_be_taken_away(page: webdriver.Chrome, tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    path.write_bytes(b"not a picture")
    choose(page, path)

    until(page, lambda b: any("只能发送图片" in words for words in texts(b, ".message.refused .fate")))
    page.find_element(By.CSS_SELECTOR, ".message.refused .again").click()
    until(page, lambda b: not texts(b, ".message.refused"))


def proceed(page: webdriver.Chrome, value: str) -> None:
    field = page.find_element(By.ID, "phone-field")
    field.clear()
    field.send_keys(value)
    page.find_element(By.CSS_SELECTOR, ".phone .go").click()


def test_a_phone_is_proved_by_the_code_of_the_sms(page: webdriver.Chrome, stack: Stack) -> None:
    page.find_element(By.CSS_SELECTOR, ".link-phone").click()
    proceed(page, "123")
    until(page, lambda b: texts(b, ".phone .bad") == ["手机号格式不正确"])
    proceed(page, "138" + "00001234")
    until(page, lambda b: "验证码已发送至" in texts(b, ".phone p")[0])
    proceed(page, "000000x")
    until(page, lambda b: texts(b, ".phone .bad") == ["验证码不正确或已失效"])

    # Without a gateway the desk writes its SMS to the log.
    log = stack.parts["desk"].log.read_text(encoding="utf-8")
    proceed(page, re.findall(r"您的验证码是(\d{6})", log)[-1])

    until(page, lambda b: any("已绑定" in words for words in texts(b, ".notice")))
    assert not page.find_element(By.CSS_SELECTOR, "dialog.phone").is_displayed()
    assert texts(page, ".message.customer") == []
