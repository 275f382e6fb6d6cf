"""The console in a real browser: two people and a customer, from the queue to the hand-back."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from bot.desk.conversations import find_conversation
from tests.console.conftest import PASSWORD, LocalDesk, start_local
from tests.needs import chromium
from tests.pages.chromium import PATIENCE_S, resize

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
BAD, GOOD = (
    "这事儿不归我管，你自己看着办吧。",
    "您好，经核实，多扣的费用已登记，请问还有什么可以帮您？",
)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with two people."""
    local, end = start_local(tmp_path_factory.mktemp("desk"))
    local.add("li", "staff", "billing", "care", title="李敏")
    local.add("wang", "leader", title="王强")
    yield local
    end()


@pytest.fixture
def people(
    console: LocalDesk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Page]]:
    opened: list[Page] = []

    def sign_in(name: str) -> Page:
        browser = chromium(tmp_path_factory.mktemp("chromium"))
        page = Page(browser, console.url)
        page.sign_in(name)
        opened.append(page)
        return page

    yield sign_in
    for page in opened:
        page.browser.quit()


class Page:
    """One person's console."""

    def __init__(self, browser: webdriver.Chrome, url: str) -> None:
        self.browser, self.url = browser, url
        resize(browser, 1280, 800)

    def sign_in(self, name: str) -> None:
        self.browser.get(f"{self.url}/console")
        self.see("#name").send_keys(name)
        self.see("#password").send_keys(PASSWORD + Keys.ENTER)
        self.see(".left")

    def see(self, css: str, text: str = "", *, patience: float = PATIENCE_S) -> object:
        """Wait until something is shown."""

        def shown(browser: webdriver.Chrome) -> object:
            for element in browser.find_elements(By.CSS_SELECTOR, css):
                if element.is_displayed() and text in element.text:
                    return element
            return None

        return WebDriverWait(self.browser, patience, ignored_exceptions=(Exception,)).until(
            shown, f"{css} {text}"
        )

    def gone(self, css: str, text: str = "") -> None:
        """Wait until nothing of the kind is shown any more."""

        def none(browser: webdriver.Chrome) -> bool:
            found = browser.find_elements(By.CSS_SELECTOR, css)
            return not any(each.is_displayed() and text in each.text for each in found)

        WebDriverWait(self.browser, PATIENCE_S, ignored_exceptions=(Exception,)).until(
            none, f"still there: {css} {text}"
        )

    def click(self, css: str, text: str = "") -> None:
        WebDriverWait(self.browser, PATIENCE_S, ignored_exceptions=(Exception,)).until(
            lambda _: self._clicked(css, text)
        )

    def _clicked(self, css: str, text: str) -> bool:
        found = self.see(css, text)
        # As a person scrolls: not to the edge, where the button of the list lies over it.
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()
        return True

    def write(self, text: str, end: str = "") -> None:
        box = self.see("#reply")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(Keys.BACKSPACE)
        box.send_keys(text + end)

    def press(self, *keys: str) -> None:
        chain = ActionChains(self.browser)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain.key_up(key)
        chain.perform()

    def violations(self) -> list[tuple[str, str]]:
        self.browser.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.browser.execute_async_script(
            "const done = arguments[0]; axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
            ".then((r) => done(r.violations.map((v) => [v.id, v.nodes[0].html.slice(0, 120)])))"
        )
        return [tuple(each) for each in found]


def picture(folder: Path) -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    path = folder / "光猫.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\0\0\0"))
        + chunk(b"IEND", b"")
    )
    return str(path)


def test_from_the_queue_through_a_blocked_reply_to_the_hand_back(
    console: LocalDesk, people: Callable[[str], Page], tmp_path: Path
) -> None:
    id_ = console.waiting("话费多扣了三十块钱", team="billing")
    console.ticket(id_, "bill_dispute", summary="话费多扣")
    li, wang = people("li"), people("wang")
    li.click(f'[data-id="{id_}"]')
    li.click(".acts .el-button--primary", "接入会话")

    li.write(BAD)
    li.see(".verdict.block", "不能发送")
    li.click(".findings li .fix", "换成")
    li.write(GOOD, Keys.ENTER)
    li.see(".message.staff .bubble", "多扣的费用已登记")
    li.press(Keys.ALT, "b")
    li.see("#reply").send_keys("客户情绪平稳")
    li.click(".tools .el-button", "保存备注")
    li.see(".message.note .bubble", "客户情绪平稳")
    li.browser.find_element(By.ID, "file").send_keys(picture(tmp_path))
    li.see(".message.staff .picture")

    li.press(Keys.ALT, "t")
    li.click(".el-dialog .el-select")
    li.click(".el-select-dropdown__item", "客户关怀组")
    li.click(".el-dialog__footer .el-button--primary")
    WebDriverWait(li.browser, PATIENCE_S).until(lambda _: _state(console, id_) == ("waiting", "care"))
    wang.click(f'[data-id="{id_}"]')
    wang.click(".acts .el-button--primary", "接入会话")
    wang.click(".acts .el-button", "转回机器人")
    wang.see(".message.bot .bubble", "我继续为您服务")

    states = [m.author for m in _messages(console, id_)]
    assert ["customer", "system", "staff", "staff", "staff", "system", "system", "bot"] == states


def test_who_takes_what_is_open_is_not_held_up_by_a_list_that_lags(
    console: LocalDesk, people: Callable[[str], Page]
) -> None:
    id_ = console.waiting("查一下合约", team="billing")
    wang = people("wang")
    wang.see(f'[data-id="{id_}"]')
    wang.browser.execute_script(
        "const real = window.fetch; window.fetch = (url, how) =>"
        " /staff.conversations$/.test(url) ? new Promise(() => {}) : real(url, how);"
    )
    li = console.sign_in("li")
    taken = li.post(f"/conversations/{id_}/claim", json={}).json()["data"]["conversation"]
    li.post(f"/conversations/{id_}/transfer", json={"team": "care", "epoch": taken["epoch"]})
    wang.click(f'[data-id="{id_}"]')
    wang.click(".acts .el-button--primary", "接入会话")
    WebDriverWait(wang.browser, PATIENCE_S).until(lambda _: _state(console, id_)[0] == "staff")


def _state(console: LocalDesk, id_: str) -> tuple[str, str]:
    with console.desk.sessions() as session:
        conversation = find_conversation(session, id_)
        return conversation.state, conversation.team


def _messages(console: LocalDesk, id_: str) -> list:
    with console.desk.sessions() as session:
        from bot.storage.conversations import Message

        return session.query(Message).filter_by(conversation_id=id_).order_by(Message.id).all()


def test_a_leader_approves_what_a_colleague_asked_for(
    console: LocalDesk, people: Callable[[str], Page]
) -> None:
    id_ = console.waiting("要求退费", team="billing")
    number = console.ticket(id_, "bill_dispute", summary="要求退费")
    asker = console.sign_in("li")
    body = {"kind": "refund", "amount": 88, "reason": "重复扣费"}
    wang = people("wang")
    asker.post(f"/tickets/{number}/approvals", json=body)
    wang.click(".pages button", "审批与通知")
    wang.click(".rows .el-button--primary", "批准")
    wang.see(".plainpage .nothing", "没有待审批的申请")

    sums = asker.get(f"/tickets/{number}").json()["data"]["approvals"]
    assert ["approved"] == [each["state"] for each in sums]


def test_a_second_browser_follows_and_a_lost_line_misses_nothing(
    console: LocalDesk, people: Callable[[str], Page]
) -> None:
    wang = people("wang")
    time.sleep(1)
    first = console.waiting("第一位", team="billing")
    wang.see(f'[data-id="{first}"]')
    wang.browser.set_network_conditions(offline=True, latency=0, throughput=0)
    second = console.waiting("第二位", team="billing")
    time.sleep(1.5)
    wang.browser.delete_network_conditions()
    wang.browser.execute_cdp_cmd("Network.disable", {})

    assert wang.see(f'[data-id="{second}"]')


@pytest.mark.parametrize("place", ["接待", "工单", "审批与通知", "同事"])
def test_every_page_passes_the_accessibility_check(
    console: LocalDesk, people: Callable[[str], Page], place: str
) -> None:
    id_ = console.waiting("查账单", team="billing")
    console.ticket(id_, "complaint_service", summary="没人处理")
    wang = people("wang")
    wang.click(f'[data-id="{id_}"]')
    wang.see(".tickethead")
    wang.click(".pages button", place)
    time.sleep(0.8)

    assert [] == wang.violations()


def test_the_question_mark_shows_all_keys(
    console: LocalDesk, people: Callable[[str], Page]
) -> None:
    li = people("li")
    li.press("?")

    assert li.see(".keys", "接入下一位客户")


def test_at_twice_the_size_nothing_is_cut_off(
    console: LocalDesk, people: Callable[[str], Page]
) -> None:
    li = people("li")
    resize(li.browser, 640, 400, scale=2)
    time.sleep(0.5)

    assert li.browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
