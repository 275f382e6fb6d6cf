"""The pages of leaders and of quality in a real browser: incidents, call-backs, outbox, figures."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from bot.console import figures_api
from bot.desk.notices import put_delivery
from bot.desk.outbox import DEAD
from bot.desk.surveys import PERSON
from bot.desk.tickets import find_ticket, take_step
from bot.storage.clock import Incident, Survey
from bot.storage.notices import Delivery
from tests.console.conftest import LocalDesk, start_local
from tests.needs import chromium
from tests.pages.chromium import PATIENCE_S, resize
from tests.pages.test_console_page import Page

PLACES = ("突发事件", "回访", "发件箱", "指标")


def fill(local: LocalDesk) -> None:
    """Leave faults of one street, a call that is due, a low mark and a dead letter."""
    leader = local.sign_in("wang")
    for n in range(1, 4):
        body = {"type": "fault_broadband", "summary": "断网", "facts": {"address": f"城关区幸福小区{n}号楼"}}
        leader.post(f"/conversations/{local.waiting(team='network')}/tickets", json=body)
    for score in (5, 4, 1, None):
        number = local.ticket(local.waiting(), "complaint_service", summary="没人处理")
        leader.post(f"/tickets/{number}/claim", json={})
        leader.post(f"/tickets/{number}/resolve", json={"reason": "已致歉", "cause": "delay"})
        if score == 1:
            _call_due(local)
            leader.post(f"/calls/{number}", json={"solved": True, "score": 1, "words": "太慢"})
        elif score is None:
            _call_due(local)
        else:
            _rate(local, number, score)
    with local.desk.sessions.begin() as session:
        payload = {"kind": "deadline", "role": "leader", "team": "network", "text": "工单已超时，请督促。"}
        row = put_delivery(
            session, key="dead", sender="mail", target="leader:network:", payload=payload, now=local.now()
        )
        row.state, row.attempts, row.last_error = DEAD, 12, "mail_refused: SMTP 550"


def _call_due(local: LocalDesk) -> None:
    with local.desk.sessions.begin() as session:
        survey = session.query(Survey).order_by(Survey.id.desc()).first()
        survey.state, survey.next_at = PERSON, local.now() + timedelta(hours=20)


def _rate(local: LocalDesk, number: str, score: int) -> None:
    with local.desk.sessions.begin() as session:
        take_step(
            session, local.desk.handbook, find_ticket(session, number), "rate", who="customer",
            now=local.now(), data={"score": score}, recorded=True,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with a leader and work for every page."""
    local, end = start_local(tmp_path_factory.mktemp("desk"))
    local.add("wang", "leader", title="王强")
    fill(local)
    yield local
    end()


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the browser keeps what it is given."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def page(
    served: LocalDesk, downloads: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Sign the leader in."""
    browser = chromium(tmp_path_factory.mktemp("chromium"))
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    page = Page(browser, served.url)
    page.sign_in("wang")
    yield page
    browser.quit()


def test_a_leader_opens_an_incident_and_takes_a_ticket_out_of_it(
    served: LocalDesk, page: Page
) -> None:
    page.click(".pages button", "突发事件")
    page.see(".openform input[aria-label='区域']").send_keys("城关区幸福小区" + Keys.ENTER)
    page.see(".el-message-box", "近期有3个同类报障将并入")
    page.click(".el-message-box .el-button--primary", "建立")

    page.see(".incident h2", "城关区幸福小区")
    page.see(".incident .titleline", "预计恢复：")
    page.see(".plainpage > table th", "预计恢复")
    page.see(".incident tbody td", "已受理")
    with served.desk.sessions() as session:
        [incident] = session.query(Incident).all()
        assert incident.opened_by is not None

    page.click(".incident tbody .el-checkbox")
    page.click(".incident .titleline .el-button", "移出选中1")
    page.see(".el-dialog textarea").send_keys("单户故障")
    page.click(".el-dialog__footer .el-button--primary", "确定")

    page.see(".plainpage > table td", "2个，2个未办结")


def test_the_answer_of_a_call_is_recorded(page: Page) -> None:
    page.click(".pages button", "回访")
    page.click(".plainpage tbody .el-button", "登记结果")
    page.click(".el-dialog .el-radio-button", "已解决")
    page.see(".el-dialog .el-radio-button", "5分")
    page.see("#call-words").send_keys("可以")
    page.click(".el-dialog__footer .el-button--primary", "登记")

    page.see(".nothing", "没有待电话回访的工单")


def test_a_low_mark_gets_its_measure(page: Page) -> None:
    page.click(".pages button", "回访")
    page.see(".plainpage td.words", "评价1分：太慢")
    page.click(".plainpage tbody .el-button", "登记措施")
    page.see(".el-dialog textarea").send_keys("已补充排班")
    page.click(".el-dialog__footer .el-button--primary", "确定")

    page.see(".nothing", "没有待登记的改进事项")


def test_a_dead_letter_is_sent_again(served: LocalDesk, page: Page) -> None:
    page.click(".pages button", "发件箱")
    page.see(".problemtext", "SMTP 550")
    page.click(".plainpage tbody .el-button", "重新发送")
    page.click(".el-message-box .el-button--primary", "重新发送")

    page.see(".nothing", "没有未送达的通知")
    with served.desk.sessions() as session:
        assert session.query(Delivery).filter_by(key="dead", state=DEAD).count() == 0


def test_a_figure_shows_its_chart_and_the_tickets_behind_it(page: Page) -> None:
    page.click(".pages button", "指标")
    page.click(".figure", "满意率")
    page.see(".figure.on", "2/3")
    page.click(".panel .el-radio-button", "诉求类型")
    assert page.see(".chart svg")
    page.click(".panel td button[title='查看全部工单']")
    page.see(".el-dialog [role=status]", "3个工单")
    page.click(".el-dialog .el-radio-button", "计入分子")
    page.see(".el-dialog [role=status]", "2个工单")
    link = page.see(".el-dialog .filters a", "下载全部 CSV").get_attribute("href")
    assert "/figures/tickets/export?" in link and "part=numerator" in link
    page.press(Keys.ESCAPE)


def test_a_list_of_several_pages_is_shown_to_its_end(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_api, "PAGE", 2)
    page.click(".pages button", "指标")
    page.click(".figure", "满意率")
    page.click(".panel td button[title='查看全部工单']")
    page.see(".el-dialog [role=status]", "3个工单，已显示2个")
    page.click(".el-dialog .centre .el-button", "更多")
    WebDriverWait(page.browser, PATIENCE_S).until(
        lambda _: len(page.browser.find_elements(By.CSS_SELECTOR, ".el-dialog tbody tr")) == 3
    )
    page.press(Keys.ESCAPE)


def test_the_figures_are_downloaded_as_csv(page: Page, downloads: Path) -> None:
    page.click(".pages button", "指标")
    page.click(".filters a", "下载 CSV")
    WebDriverWait(page.browser, PATIENCE_S).until(lambda _: list(downloads.glob("figures-*.csv")))
    [file] = downloads.glob("figures-*.csv")

    lines = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    assert ["满意率", "评4分、5分的 / 已评分的", "全部", "", "2", "3", "0.6667"] in [line[:7] for line in lines]


@pytest.mark.parametrize("place", PLACES)
def test_every_page_passes_the_accessibility_check(page: Page, place: str) -> None:
    page.click(".pages button", place)
    page.see("h1", place if place != "回访" else "电话回访")
    time.sleep(1)

    assert [] == page.violations()


@pytest.mark.parametrize("place", PLACES)
def test_at_twice_the_size_nothing_is_cut_off(page: Page, place: str) -> None:
    resize(page.browser, 640, 400, scale=2)
    page.click(".pages button", place)
    time.sleep(0.5)
    fits = page.browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    resize(page.browser, 1280, 800)

    assert fits


def test_the_pages_complain_of_nothing(page: Page) -> None:
    # Before the sign-in the page asks who is there, and is told: nobody.
    loud = [row["message"] for row in page.browser.get_log("browser") if row["level"] == "SEVERE"]
    assert [message for message in loud if "/staff/me" not in message] == []


def test_staff_see_only_their_call_backs(served: LocalDesk, page: Page) -> None:
    served.add("li", "staff", "care", title="李敏")
    page.browser.delete_all_cookies()
    page.sign_in("li")
    shown = [e.text for e in page.browser.find_elements(By.CSS_SELECTOR, ".pages button")]
    page.browser.delete_all_cookies()
    page.sign_in("wang")

    assert [title for title in PLACES if any(title in text for text in shown)] == ["回访"]
