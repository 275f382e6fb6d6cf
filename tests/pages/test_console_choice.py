"""What stands beside what: the ticket panel shows the ticket that was chosen, whatever answers late."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.console.conftest import LocalDesk, desk_of_two
from tests.pages.test_console_page import Page, people  # noqa: F401 - the fixture signs in

# Answers to addresses of a pattern wait until they are let through.
HOLD = (
    "const real = window.fetch, wanted = new RegExp(arguments[0]); window.late = [];"
    "window.fetch = (url, how) => (wanted.test(url)"
    " ? new Promise((go) => window.late.push(go)).then(() => real(url, how)) : real(url, how));"
)
LET_GO = (
    "const done = arguments[0]; window.late.splice(0).forEach((go) => go()); setTimeout(done, 1500)"
)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with one person and a leader."""
    yield from desk_of_two(tmp_path_factory.mktemp("desk"))


def two_customers(console: LocalDesk) -> tuple[str, str, str]:
    """Return a conversation, its ticket, and the ticket of another customer."""
    id_ = console.waiting("查账单", team="billing")
    other = console.ticket(console.waiting("退费", team="billing"), "bill_dispute")
    return id_, console.ticket(id_, "bill_query"), other


def test_a_conversation_that_opens_late_takes_no_chosen_ticket_away(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_, own, other = two_customers(console)
    wang = people("wang")
    wang.browser.execute_script(HOLD, f"conversations/{id_}$")
    wang.click(f'[data-id="{id_}"]')
    wang.click(".pages button", "工单")
    wang.click(".tickets .link", other)
    wang.see(".tickethead h2", other)
    wang.browser.execute_async_script(LET_GO)

    assert other == wang.see(".tickethead h2").text
    wang.click(".pages button", "接待")
    assert wang.see(".tickethead h2", own)


def test_no_other_ticket_is_shown_while_the_chosen_one_is_read(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_, own, other = two_customers(console)
    wang = people("wang")
    wang.click(f'[data-id="{id_}"]')
    wang.see(".tickethead h2", own)
    wang.click(".pages button", "工单")
    wang.see(".tickethead h2", own)
    wang.browser.execute_script(HOLD, f"tickets/{other}$")
    wang.click(".tickets .link", other)
    wang.see(".right", "正在读取")
    wang.gone(".tickethead h2", own)
    wang.browser.execute_async_script(LET_GO)

    assert wang.see(".tickethead h2", other)


def test_a_list_that_was_asked_for_earlier_replaces_no_later_one(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    _, own, other = two_customers(console)
    wang = people("wang")
    wang.click(".pages button", "工单")
    wang.see("td", own)
    wang.browser.execute_script(HOLD, r"/tickets\?(?!.*\bq=)")
    wang.click(".el-radio-button", "看板")
    wang.click(".el-radio-button", "列表")
    wang.see("#ticket-search").send_keys(other)
    wang.gone("td", own)
    wang.browser.execute_async_script(LET_GO)

    wang.see("td", other)
    wang.gone("td", own)


def test_a_conversation_that_goes_to_another_team_takes_no_chosen_ticket_away(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_, own, other = two_customers(console)
    li = people("li")
    li.click(f'[data-id="{id_}"]')
    li.see(".tickethead h2", own)
    li.click(".pages button", "工单")
    li.click(".tickets .link", other)
    li.see(".tickethead h2", other)
    wang = console.sign_in("wang")
    taken = wang.post(f"/conversations/{id_}/claim", json={}).json()["data"]["conversation"]
    wang.post(f"/conversations/{id_}/transfer", json={"team": "care", "epoch": taken["epoch"]})
    li.see(".el-message", "会话已转到其他团队")

    assert li.see(".tickethead h2").text == other
