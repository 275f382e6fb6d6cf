"""The widget on a strange site with a strict content policy, in a real browser."""

from __future__ import annotations

import gzip
import re
import secrets
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from bot.channels.web.hand_over import hand_over_token
from tests.channels.simulators.wechat import PNG
from tests.needs import chromium
from tests.pages.chromium import PATIENCE_S, resize
from tests.stack import Stack, free_port, start_desk_alone

WIDGET = Path(__file__).parents[2] / "bot/channels/web/widget"
FILES = sorted(WIDGET.glob("*.js"))
SECRET = "host-and-desk-know-this"


def test_all_of_it_is_under_40_kilobytes_and_the_button_under_3() -> None:
    weights = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in FILES}

    assert sum(weights.values()) < 40_000
    assert weights["widget.js"] < 3_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_content_policy_stops_it_and_no_text_becomes_markup(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|setAttribute\(\"style|\.style\b", source)


def test_every_word_is_there_in_both_languages() -> None:
    source = (WIDGET / "words.js").read_text(encoding="utf-8")
    zh, en = re.findall(r"(?:zh|en): \{(.*?)\n  \}", source, re.DOTALL)

    assert set(re.findall(r"(\w+): \"", zh)) == set(re.findall(r"(\w+): \"", en))


class Site:
    """A site that is not the desk's, with a policy that names the desk and nothing else."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.attributes = ""
        self.desk = ""

    def page(self) -> bytes:
        script = f'<script src="{self.desk}/widget.js" async {self.attributes}></script>'
        return f"<!doctype html><html lang=zh><meta name=viewport content=width=device-width><title>Shop</title><h1>Shop</h1>{script}</html>".encode()

    def policy(self) -> str:
        return f"default-src 'none'; script-src {self.desk}; connect-src {self.desk}; img-src {self.desk}"

    def serve(self) -> ThreadingHTTPServer:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", site.policy())
                self.end_headers()
                self.wfile.write(site.page())

            def log_message(self, *_: object) -> None:
                """Keep the output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site()
    stack: Stack = start_desk_alone(
        tmp_path_factory.mktemp("home"), INTAKE_WIDGET_ORIGINS=site.url, INTAKE_HAND_OVER_SECRET=SECRET
    )
    site.desk = stack.url
    server = site.serve()
    yield site
    server.shutdown()
    stack.stop()


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser = chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.fixture
def browser(one_browser: webdriver.Chrome, site: Site) -> webdriver.Chrome:
    site.attributes = ""
    resize(one_browser, 1200, 800)
    one_browser.get(site.url)
    one_browser.execute_script("localStorage.clear()")
    one_browser.get_log("browser")
    one_browser.get(site.url)
    return one_browser


IN = "const root = [...document.querySelectorAll('div')].find(d => d.shadowRoot)?.shadowRoot;"


def ask(browser: webdriver.Chrome, script: str) -> Any:
    return browser.execute_script(f"{IN} {script}")


def until(browser: webdriver.Chrome, script: str) -> Any:
    return WebDriverWait(browser, PATIENCE_S).until(lambda b: ask(b, script), script)


def open_chat(browser: webdriver.Chrome) -> None:
    until(browser, "return !!root?.querySelector('.launch')")
    ask(browser, "root.querySelector('.launch').click()")
    until(browser, "return root.querySelector('.panel') && !root.querySelector('.panel').hidden")
    until(browser, "return root.querySelectorAll('.row.bot').length > 0")


def write(browser: webdriver.Chrome, text: str) -> None:
    ask(browser, f"root.querySelector('textarea').value = {text!r}; root.querySelector('.send').click()")


def loaded(browser: webdriver.Chrome) -> list[str]:
    return [url.rsplit("/", 1)[-1] for url in browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")]


@pytest.mark.browser
def test_the_conversations_code_comes_when_it_is_opened(browser: webdriver.Chrome) -> None:
    until(browser, "return !!root?.querySelector('.launch')")
    assert "chat.js" not in loaded(browser)

    open_chat(browser)
    assert "chat.js" in loaded(browser)
    assert [e for e in browser.get_log("browser") if "Content Security" in e["message"]] == []


@pytest.mark.browser
def test_a_request_becomes_a_ticket_in_the_widget(browser: webdriver.Chrome) -> None:
    open_chat(browser)
    write(browser, "我家宽带断网了，在城关区幸福小区3号楼")

    assert "工单号 T" in until(browser, "return root.querySelector('.ticket')?.textContent")
    until(browser, "return root.querySelectorAll('.row.customer').length === 1")


@pytest.mark.browser
def test_the_conversation_is_there_after_a_reload(browser: webdriver.Chrome) -> None:
    open_chat(browser)
    write(browser, "我家宽带断网了，在城关区幸福小区3号楼")
    until(browser, "return root.querySelector('.ticket')?.textContent")
    browser.refresh()
    open_chat(browser)

    until(browser, "return !!root.querySelector('.ticket')")


@pytest.mark.browser
def test_what_comes_while_it_is_closed_is_counted(browser: webdriver.Chrome) -> None:
    open_chat(browser)
    # A house of its own: enough reports from one make an outage, of which everybody there is told.
    write(browser, "我家宽带断网了，在安宁区银滩花园9号楼")
    ask(browser, "root.querySelector('.top button:last-child').click()")

    assert until(browser, "return !root.querySelector('.badge').hidden && root.querySelector('.badge').textContent") == "1"
    assert "1 条未读消息" in ask(browser, "return root.querySelector('.launch').getAttribute('aria-label')")
    open_chat(browser)
    assert ask(browser, "return root.querySelector('.badge').hidden")


@pytest.mark.browser
def test_a_picture_is_sent_and_shown(browser: webdriver.Chrome, tmp_path: Path) -> None:
    path = tmp_path / "router.png"
    path.write_bytes(PNG)
    open_chat(browser)
    ask(browser, "return root.querySelector('input[type=file]')").send_keys(str(path))

    until(browser, "return root.querySelector('.row.customer img')?.naturalWidth === 1")
    until(browser, "return [...root.querySelectorAll('.row.bot')].some(r => r.textContent.includes('图片已收到'))")


VOICE = """
window.SpeechRecognition = window.webkitSpeechRecognition = class extends EventTarget {
  start() { window.heard = this; }
  stop() { this.dispatchEvent(new Event("end")); }
};
"""


@pytest.fixture
def hearing(browser: webdriver.Chrome, site: Site) -> Iterator[webdriver.Chrome]:
    """Hand over a browser whose speech recognition says what the test says."""
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": VOICE})
    browser.get(site.url)
    yield browser
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.browser
def test_spoken_words_are_written_into_the_field(hearing: webdriver.Chrome) -> None:
    open_chat(hearing)
    ask(hearing, "root.querySelector('.tool[aria-pressed]').click()")
    assert ask(hearing, "return root.querySelector('.tool[aria-pressed]').getAttribute('aria-pressed')") == "true"
    assert hearing.execute_script("return window.heard.lang") == "zh-CN"

    hearing.execute_script(
        "const event = new Event('result'); event.results = [[{ transcript: '我家宽带' }], [{ transcript: '断网了' }]];"
        "window.heard.dispatchEvent(event); window.heard.dispatchEvent(new Event('end'));"
    )

    assert ask(hearing, "return root.querySelector('textarea').value") == "我家宽带断网了"
    assert ask(hearing, "return root.querySelector('.tool[aria-pressed]').getAttribute('aria-pressed')") == "false"
    assert ask(hearing, "return root.querySelectorAll('.row.customer').length") == 0


@pytest.mark.browser
def test_a_refused_microphone_leaves_the_field_as_it_was(hearing: webdriver.Chrome) -> None:
    open_chat(hearing)
    ask(hearing, "root.querySelector('.tool[aria-pressed]').click()")
    hearing.execute_script("window.heard.dispatchEvent(new Event('error'))")

    assert ask(hearing, "return root.querySelector('.tool[aria-pressed]').getAttribute('aria-pressed')") == "false"
    assert ask(hearing, "return root.querySelector('textarea').value") == ""


@pytest.mark.browser
def test_without_speech_recognition_there_is_no_button_for_it(browser: webdriver.Chrome, site: Site) -> None:
    gone = "delete window.SpeechRecognition; delete window.webkitSpeechRecognition;"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": gone})
    browser.get(site.url)
    open_chat(browser)
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    assert ask(browser, "return root.querySelector('.tool[aria-pressed]')") is None


@pytest.mark.browser
def test_labels_are_english_where_the_site_asks_for_it(browser: webdriver.Chrome, site: Site) -> None:
    site.attributes = 'data-language="en" data-side="left" data-title="Help"'
    browser.get(site.url)
    open_chat(browser)

    assert ask(browser, "return root.querySelector('h2').textContent") == "Help"
    assert ask(browser, "return root.querySelector('.send').textContent") == "Send"
    assert ask(browser, "return root.querySelector('.launch').getBoundingClientRect().left") == 20


@pytest.mark.browser
def test_the_hosts_user_is_known(browser: webdriver.Chrome, site: Site) -> None:
    token = hand_over_token(SECRET, user="u-1", nonce=secrets.token_hex(8))
    site.attributes = f'data-identity="{token}"'
    browser.get(site.url)
    open_chat(browser)
    write(browser, "我家宽带断网了，在城关区幸福小区3号楼")
    until(browser, "return root.querySelector('.ticket')?.textContent")

    browser.execute_script("localStorage.clear()")
    again = hand_over_token(SECRET, user="u-1", nonce=secrets.token_hex(8))
    site.attributes = f'data-identity="{again}"'
    browser.get(site.url)
    open_chat(browser)
    until(browser, "return !!root.querySelector('.ticket')")


def identity_of(user: str, *, secret: str = SECRET) -> str:
    return f'data-identity="{hand_over_token(secret, user=user, nonce=secrets.token_hex(8))}"'


def session_of(browser: webdriver.Chrome, site: Site) -> str | None:
    return browser.execute_script("return localStorage.getItem(`intake:${arguments[0]}:token`)", site.desk)


def signed_in(browser: webdriver.Chrome, site: Site, user: str) -> None:
    """Load a page of a user who asks something."""
    site.attributes = identity_of(user)
    browser.get(site.url)
    open_chat(browser)
    write(browser, "我家宽带断网了，在城关区幸福小区3号楼")
    until(browser, "return !!root.querySelector('.ticket')")


@pytest.mark.browser
def test_the_user_is_handed_over_with_the_page_and_not_when_the_widget_opens(
    browser: webdriver.Chrome, site: Site
) -> None:
    site.attributes = identity_of("u-2")
    browser.get(site.url)

    WebDriverWait(browser, PATIENCE_S).until(lambda b: session_of(b, site))
    assert "chat.js" not in loaded(browser)


NEXT = {
    "logged out": lambda: "", "another user": lambda: identity_of("u-4"),
    "a token that is refused": lambda: identity_of("u-4", secret="another"),
}


@pytest.mark.browser
@pytest.mark.parametrize("attributes", NEXT.values(), ids=list(NEXT))
def test_the_next_user_of_the_browser_sees_nothing_of_the_first(
    browser: webdriver.Chrome, site: Site, attributes: Callable[[], str]
) -> None:
    signed_in(browser, site, f"u-{secrets.token_hex(4)}")
    site.attributes = attributes()
    browser.get(site.url)
    open_chat(browser)

    assert ask(browser, "return root.querySelectorAll('.row.customer').length") == 0
    write(browser, "我想问一下话费")
    until(browser, "return root.querySelectorAll('.row.customer .note').length === 0")
    assert ask(browser, "return root.querySelectorAll('.row.customer').length") == 1


@pytest.mark.browser
def test_a_new_token_of_the_same_user_leaves_what_was_read_as_read(browser: webdriver.Chrome, site: Site) -> None:
    user = f"u-{secrets.token_hex(4)}"
    signed_in(browser, site, user)
    # What else is said to the request is read too, before the page is left.
    time.sleep(2)
    before = session_of(browser, site)
    site.attributes = identity_of(user)
    browser.get(site.url)

    WebDriverWait(browser, PATIENCE_S).until(lambda b: session_of(b, site) not in (None, before))
    time.sleep(1)
    assert ask(browser, "return root.querySelector('.badge').hidden")


@pytest.mark.browser
def test_it_is_used_by_the_keyboard_alone(browser: webdriver.Chrome) -> None:
    open_chat(browser)
    assert ask(browser, "return root.activeElement?.tagName") == "TEXTAREA"

    ask(browser, "root.querySelector('textarea').dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
    assert ask(browser, "return root.activeElement?.className") == "launch"


@pytest.mark.browser
def test_on_a_phone_it_fills_the_screen(browser: webdriver.Chrome) -> None:
    resize(browser, 390, 844)
    open_chat(browser)

    box = ask(browser, "const b = root.querySelector('.panel').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]")
    assert box == [0, 0, 390, 844]
