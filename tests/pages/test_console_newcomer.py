"""A first day at the console: what somebody sees who has never been there."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.console.conftest import LocalDesk, desk_of_two
from tests.pages.chromium import texts
from tests.pages.test_console_page import Page, people  # noqa: F401 - the fixture signs in

ROOT = Path(__file__).parents[2]
# The functions that write a line of the audit log.
WRITERS = ("record_audit", "audited", "_audit", "audit_holder")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with one person and a leader."""
    yield from desk_of_two(tmp_path_factory.mktemp("desk"))


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
    console.sign_in("li").post("/presence", json={"presence": "off", "reason": "下班"})
    li.browser.refresh()
    li.see(".awaynow", "离岗")
    li.click(".awaynow .el-button", "开始接待")

    li.see(".presence.duty")
    li.gone(".awaynow")


def test_who_goes_off_duty_says_why_and_the_leader_reads_it(
    console: LocalDesk, li: Page, wang: Page
) -> None:
    li.click(".presence")
    li.click(".el-dropdown-menu__item", "离岗 · 请假")
    li.see(".presence.off", "请假")

    wang.click(".pages button", "同事")
    wang.see("table tr", "李敏")
    wang.see("table .el-tag", "离岗 · 请假")


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


def test_escape_closes_a_dialog_that_begins_with_a_choice(console: LocalDesk, li: Page) -> None:
    taken(console, li, "转接")
    li.press(Keys.ALT, "t")
    # The dialog puts the caret into its first field when it has come up.
    li.see(".el-dialog .el-select .is-focused")
    li.click(".el-dialog .el-select")
    li.see(".el-select-dropdown__item", "网络")
    li.press(Keys.ESCAPE)
    li.gone(".el-select-dropdown__item", "网络")
    assert li.see(".el-dialog")
    li.press(Keys.ESCAPE)

    li.gone(".el-dialog")


def test_the_asker_reads_why_a_sum_was_refused(console: LocalDesk, wang: Page) -> None:
    number = console.ticket(console.waiting("退费", team="billing"), "bill_dispute")
    asker = console.sign_in("li")
    asker.post(
        f"/tickets/{number}/approvals", json={"kind": "refund", "amount": 88, "reason": "重复"}
    )
    wang.click(".pages button", "审批与通知")
    wang.click(".rows .el-button", "不批准")
    wang.see(".el-dialog textarea").send_keys("账单没有重复")
    wang.click(".el-dialog__footer .el-button--primary")
    wang.see(".plainpage .nothing", "没有待审批的申请")

    [sum_] = asker.get(f"/tickets/{number}").json()["data"]["approvals"]
    assert ("refused", "账单没有重复") == (sum_["state"], sum_["note"])


def test_only_what_was_previewed_is_done_to_many(console: LocalDesk, wang: Page) -> None:
    for _ in range(2):
        console.ticket(console.waiting(team="billing"), "bill_dispute")
    wang.click(".pages button", "工单")
    wang.see(".tickets tbody tr")
    time.sleep(1)
    wang.click(".tickets thead .el-checkbox")
    wang.see(".bulk")
    later = console.ticket(console.waiting(), "bill_dispute")
    wang.see(".tickets .link", later)
    wang.click(".bulk .el-button", "接单")
    wang.click(".bulkform .el-button", "预览")
    wang.see(".bulkform .el-button", "执行")
    picked = len(texts(wang.browser, ".tickets tbody .el-checkbox.is-checked"))
    wang.click(".tickets tbody .el-checkbox")

    wang.gone(".bulkform .el-button", "执行")
    assert picked == len(wang.browser.find_elements(By.CSS_SELECTOR, ".tickets tbody tr")) - 1 > 0


def test_the_board_is_narrowed_too(console: LocalDesk, wang: Page) -> None:
    fault = console.ticket(console.waiting(team="network"), "fault_broadband")
    bill = console.ticket(console.waiting(), "bill_dispute")
    wang.click(".pages button", "工单")
    wang.click(".el-radio-button", "看板")
    wang.see(".ticketcard", fault)
    wang.click(".filters .el-select", "团队")
    wang.click(".el-select-dropdown__item", "账务服务组")

    wang.gone(".ticketcard", fault)
    assert wang.see(".ticketcard", bill)


def test_the_audit_log_is_read_in_words_of_the_trade(
    console: LocalDesk, li: Page, wang: Page
) -> None:
    number = console.ticket(console.waiting(team="billing"), "bill_dispute")
    id_ = taken(console, li, "账单")
    console.sign_in("li").post(f"/tickets/{number}/claim", json={})
    wang.click(".pages button", "同事与审计")
    wang.see(".tickets td", "接入会话")
    wang.see(".tickets td", f"会话 {id_[-6:]}")

    assert "操作 接单；从 已受理；到 处理中" in wang.see(".tickets td.summary", "接单").text


def test_staff_read_no_ids_of_the_program(console: LocalDesk, li: Page, wang: Page) -> None:
    id_ = taken(console, li, "退费")
    number = console.ticket(id_, "bill_dispute", summary="多扣费")
    held = console.sign_in("li")
    held.post(f"/tickets/{number}/claim", json={})
    held.post(f"/tickets/{number}/hold", json={"hold_reason": "part"})
    held.get("/audit")
    held.post(f"/tickets/{number}/reveal", json={"fact": "address", "reason": "上门"})
    li.see(".clock .line", "挂起期限")
    wang.click(".pages button", "同事与审计")
    wang.see(".tickets td.summary", "权限 查看与导出审计日志")
    rows = [cells.split("\t") for cells in texts(wang.browser, "section:last-of-type .tickets tbody tr")]

    shown = [*texts(li.browser, ".right"), *(word for _, _, _, *words in rows for word in words)]
    plain = [re.sub(r"(?:会话|账号) \S+", "", text) for text in shown]
    assert [] == [word for text in plain for word in re.findall("[a-z_]{3,}", text)]


def test_every_part_of_an_audit_line_has_a_title() -> None:
    source = (ROOT / "bot/console/static/audit_part.js").read_text(encoding="utf-8")
    found = {
        key.value
        for path in (ROOT / "bot").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "").endswith(WRITERS)
        for part in ast.walk(call)
        if isinstance(part, ast.Dict)
        for key in part.keys
        if isinstance(key, ast.Constant)
    }

    assert len(found) > 25
    assert [] == sorted(k for k in found if f" {k}: " not in source and f'"{k}"' not in source)


def test_every_kind_of_audit_line_has_a_title() -> None:
    found = set()
    for path in (ROOT / "bot").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "").endswith(WRITERS):
                values = [*call.args, *(k.value for k in call.keywords if k.arg == "action")]
                texts_ = [v.value for v in values if isinstance(v, ast.Constant)]
                found |= {t for t in texts_ if isinstance(t, str) and re.fullmatch(r"[a-z_]+", t)}
    source = (ROOT / "bot/console/static/audit_part.js").read_text(encoding="utf-8")

    assert len(found) > 25
    assert [] == sorted(name for name in found if f" {name}: " not in source)
