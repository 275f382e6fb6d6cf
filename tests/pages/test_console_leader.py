"""What a leader sees at a glance and sets for others: which clock runs, who is on duty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.console.conftest import LocalDesk, start_local
from tests.pages.test_console_page import Page, people  # noqa: F401 - the fixture signs in
from tests.pages.test_console_tasks import confirm, pick


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with a leader and a colleague."""
    local, end = start_local(tmp_path_factory.mktemp("desk"))
    local.add("li", "staff", "billing", title="李敏")
    local.add("wang", "leader", "billing", "network", title="王强")
    yield local
    end()


def test_a_chip_names_its_clock_in_queue_table_and_board(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    answered, called, fresh = (console.waiting(text, team="billing") for text in ("断网", "回电", "掉线"))
    numbers = [console.ticket(id_, "bill_dispute") for id_ in (answered, called, fresh)]
    leader = console.sign_in("wang")
    by = (console.now() + timedelta(minutes=50)).isoformat()
    for number, step, body in (
        (numbers[0], "contact", {"reason": "已致电客户"}),
        (numbers[1], "promise", {"by": by, "reason": "一小时内回电"}),
    ):
        leader.post(f"/tickets/{number}/claim", json={})
        answer = leader.post(f"/tickets/{number}/{step}", json=body)
        assert 200 == answer.status_code, answer.text

    wang = people("wang")
    for id_, name in ((answered, "解决 剩"), (called, "回电 剩"), (fresh, "首次响应 剩")):
        chip = wang.see(f'[data-id="{id_}"] .due', name)
    told = chip.get_attribute("aria-label")
    assert told == chip.get_attribute("title")
    assert told.startswith("首次响应期限为") and "，剩" in told
    wang.click(".pages button", "工单")
    wang.see("tr .due", "回电 剩")
    wang.click(".el-radio-button", "看板")
    wang.see(".ticketcard .due", "解决 剩")
    assert [] == wang.violations()


def test_a_leader_sets_a_colleague_off_duty_with_a_reason(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    console.sign_in("li").post("/presence", json={"presence": "duty"})
    li, wang = people("li"), people("wang")
    li.see(".presence", "在岗")
    wang.click(".pages button", "同事")
    wang.see("td .el-tag", "在岗")
    wang.click('[aria-label="设置李敏的在岗状态"]')
    assert not wang.see(".el-dialog__footer .el-button--primary").is_enabled()
    assert [] == wang.violations()
    pick(wang, "离岗 · 下班")
    confirm(wang)

    wang.see("td .el-tag", "离岗 · 下班")
    li.see(".presence", "下班")
    li.click(".pages button", "同事")
    li.see("td .el-tag", "离岗 · 下班")
    assert not li.browser.find_elements("css selector", '[aria-label^="设置"]')
    wang.click(".pages button", "接待")
    wang.click(".pages button", "同事")
    wang.see("td", "设置在岗状态")
    wang.see("td.summary", "在岗状态 离岗；原因 下班")
