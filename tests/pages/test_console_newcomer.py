"""A first day at the console: what somebody sees who has never been there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.console.conftest import LocalDesk, start_local
from tests.pages.chromium import texts
from tests.pages.test_console_page import Page, people  # noqa: F401 - the fixture signs in

ROOT = Path(__file__).parents[2]
# The functions that write a line of the audit log.
WRITERS = ("record_audit", "audited", "_audit", "audit_holder")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with one person and a leader."""
    local, end = start_local(tmp_path_factory.mktemp("desk"))
    local.add("li", "staff", "billing", title="李敏")
    local.add("wang", "leader", title="王强")
    yield local
    end()


@pytest.fixture
def li(people: Callable[[str], Page]) -> Page:  # noqa: F811
    """Sign in the person of billing."""
    return people("li")


@pytest.fixture
def wang(people: Callable[[str], Page]) -> Page:  # noqa: F811
    """Sign in the leader."""
    return people("wang")


def taken(console: LocalDesk, page: Page, text: str) -> str:
    id_ = console.waiting(text, team="billing")
    page.click(f'[data-id="{id_}"]')
    page.click(".acts .el-button--primary", "接入会话")
    page.see("#reply")
    return id_


def test_who_is_off_duty_is_told_so_and_begins_with_one_button(
    console: LocalDesk, li: Page
) -> None:
    console.sign_in("li").post("/presence", json={"presence": "off"})
    li.browser.refresh()
    li.see(".awaynow", "离岗")
    li.click(".awaynow .el-button", "开始接待")

    li.see(".presence.duty")
    li.gone(".awaynow")


def test_a_conversation_that_went_to_another_team_is_not_left_on_the_page(
    console: LocalDesk, li: Page
) -> None:
    taken(console, li, "宽带断了")
    li.press(Keys.ALT, "t")
    li.click(".el-dialog .el-select")
    li.click(".el-select-dropdown__item", "网络")
    li.click(".el-dialog__footer .el-button--primary")

    li.see(".welcome")
    li.gone("#reply")


def test_a_ticket_of_another_team_is_named_before_it_may_be_read(
    console: LocalDesk, li: Page
) -> None:
    id_ = console.waiting("宽带断了", team="billing")
    number = console.ticket(id_, "fault_broadband")
    li.click(f'[data-id="{id_}"]')
    li.see(".noticket", f"工单{number}由网络维护组处理")
    li.click(".acts .el-button--primary", "接入会话")

    li.see(".tickethead", number)


def test_what_blocks_is_underlined_also_where_something_milder_begins_before_it(
    console: LocalDesk, li: Page
) -> None:
    taken(console, li, "退钱")
    li.write("您好，肯定给您退50元。")
    li.see(".verdict.block")

    assert "给您退50元" in "".join(texts(li.browser, "mark.block"))
    assert "肯定" in "".join(texts(li.browser, "mark.warn"))


def test_words_of_another_case_are_read_and_not_clicked(console: LocalDesk, li: Page) -> None:
    taken(console, li, "套餐")
    li.write("亲，您的情况我来核实，请稍等。")

    assert "例如：" in li.see(".findings .example").text
    assert not any("流量即将用完" in words for words in texts(li.browser, ".findings .fix"))
