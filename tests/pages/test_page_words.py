"""The customer page's clock times, countdowns and labels, run in the browser that shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium import webdriver

from bot.handbook.tables import Handbook

pytestmark = pytest.mark.browser


@pytest.fixture
def ask(browser: webdriver.Chrome, static_site: str) -> Callable[[str], object]:
    """Give a function that evaluates one expression over the page's words."""
    browser.get(static_site)

    def evaluate(expression: str) -> object:
        return browser.execute_async_script(
            "const [expression, done] = arguments;"
            "import('/static/web/words.js').then((words) =>"
            " done(new Function('w', `return ${expression}`)(words)));",
            expression,
        )

    return evaluate


NOW = "new Date('2026-11-24T06:30:00Z')"

CASES = [
    # due times are said in Shanghai's clock, whatever the device's zone
    ("w.dueTime('2026-11-26T06:30:00+00:00')", "11月26日 14:30 前"),
    ("w.dueTime('2026-11-26T14:30:00+08:00')", "11月26日 14:30 前"),
    # midnight is 00:00 of the new day, not 24:00 of the old one
    ("w.dueTime('2026-11-25T16:00:00Z')", "11月26日 00:00 前"),
    # the day turns at midnight in Shanghai, not in Greenwich
    (f"w.dayLabel('2026-11-23T16:00:00Z', {NOW})", "今天"),
    (f"w.dayLabel('2026-11-23T15:59:59Z', {NOW})", "昨天"),
    (f"w.dayLabel('2026-11-20T04:00:00Z', {NOW})", "11月20日 星期五"),
    (f"w.dayLabel('2025-12-31T04:00:00Z', {NOW})", "2025年12月31日 星期三"),
    # countdowns grow finer as the time comes near
    (f"w.timeLeft('2026-11-26T06:29:30Z', {NOW}).text", "还剩 1 天 23 小时"),
    (f"w.timeLeft('2026-11-24T18:31:00Z', {NOW}).text", "还剩 12 小时 1 分"),
    (f"w.timeLeft('2026-11-24T06:35:07Z', {NOW}).text", "还剩 5 分 7 秒"),
    (f"w.timeLeft('2026-11-24T06:10:00Z', {NOW}).text", "已超时 20 分 0 秒"),
    (f"w.timeLeft('no time', {NOW})", None),
    # a bare clause number is told from a name
    ("w.basisLabel('手册 2.4、1.4')", "《电信服务规范与标准手册》第 2.4、1.4 条"),
    ("w.basisLabel('2.4')", "《电信服务规范与标准手册》第 2.4 条"),
    ("w.basisLabel('企业内部标准')", "企业内部标准"),
    # an emoji is one character to the customer and to the desk
    ("w.lengthOf('断网😡')", 3),
    ("w.typeLabel({type_title: '宽带故障'})", "宽带故障"),
    ("w.classLabel({deadline_class: 'major'})", "重大问题"),
]


def test_the_page_says_times_and_labels_as_people_do(ask: Callable[[str], object]) -> None:
    said = [(expression, ask(expression)) for expression, _ in CASES]

    assert said == CASES


def test_every_state_of_the_lifecycle_has_its_next_step(
    ask: Callable[[str], object], handbook: Handbook
) -> None:
    assert set(ask("Object.keys(w.NEXT_STEPS)")) == set(handbook.lifecycle.states)


def test_every_deadline_class_has_its_label(
    ask: Callable[[str], object], handbook: Handbook
) -> None:
    assert set(ask("Object.keys(w.CLASS_LABELS)")) == set(handbook.classes)
