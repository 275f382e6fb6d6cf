"""The console in a browser: what the bot serves, tickets by urgency, and a page that is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.desk.conversations import find_conversation
from bot.handbook.requests import Urgency
from tests.console.conftest import LocalDesk, desk_of_two, start_local
from tests.pages.test_console_page import Page, chromium, people  # noqa: F401 - the fixture signs in


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with a person and a leader."""
    yield from desk_of_two(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def people_at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[LocalDesk, str], Page]:
    """Return how to sign in at a desk that is named."""

    def sign_in(desk: LocalDesk, name: str) -> Page:
        page = Page(chromium(tmp_path_factory.mktemp("chromium")), desk.url)
        page.sign_in(name)
        return page

    return sign_in


def test_a_leader_takes_a_conversation_over_from_the_bot(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    with console.desk.sessions.begin() as session:
        console.open(session, "with-the-bot", "我想查一下流量")
    wang = people("wang")
    wang.click(".bots button", "查看机器人接待中")
    wang.see(".bots .said", "我想查一下流量")
    wang.click(".bots .offer button", "接管")
    wang.see("#reply")
    wang.gone(".bots .said", "我想查一下流量")

    with console.desk.sessions() as session:
        assert "staff" == find_conversation(session, "with-the-bot").state


def test_tickets_are_filtered_by_urgency(
    console: LocalDesk,
    people: Callable[[str], Page],  # noqa: F811
) -> None:
    id_ = console.waiting("断网", team="billing")
    urgent = console.ticket(id_, "fault_broadband", urgency=Urgency.URGENT)
    other = console.ticket(id_, "bill_query")
    wang = people("wang")
    wang.click(".pages button", "工单")
    wang.see("td", other)
    wang.click(".filter:has([aria-label=紧急程度])")
    wang.click(".el-select-dropdown__item", "紧急")
    wang.gone("td", other)
    wang.see("td", urgent)


def test_a_page_that_nobody_touches_signs_out_though_news_come_in(
    tmp_path: Path, people_at: Callable[[LocalDesk, str], Page]
) -> None:
    # The clock moves on by an hour: a desk of its own, so that the other tests keep theirs.
    console, end = start_local(tmp_path)
    console.add("li", "staff", "billing", title="李敏")
    li = people_at(console, "li")
    assert not li.browser.find_elements("css selector", ".bots")
    try:
        for minutes in (30, 55):
            console.offset = timedelta(minutes=minutes)
            console.waiting(f"第{minutes}分钟", team="billing")
            console.desk.hub.publish("staff", {})
            li.see(".left .said", f"第{minutes}分钟")
        console.offset = timedelta(minutes=65)
        console.waiting("太晚了", team="billing")
        li.see("#password")
    finally:
        li.browser.quit()
        end()
