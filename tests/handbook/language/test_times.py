"""Promised times are read relative to `now`: Friday, 5 June 2026, 10:00 in Shanghai."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from bot.handbook.language import times
from bot.handbook.language.promised import commitments
from bot.handbook.language.text import Reply, normalise
from bot.handbook.language.times import (
    SHANGHAI,
    add_working_days,
    mentions,
    read_instant,
    spoken,
)
from tests.handbook.language.test_fine_replies import REPLIES

NOW = datetime(2026, 6, 5, 10, 0, tzinfo=SHANGHAI)

PROMISES = [
    # (reply, the words of the promise, when it falls due, kind)
    ("两个工作日内回复您。", "两个工作日内", "06-09 10:00", "limit"),
    ("24小时内联系您。", "24小时内", "06-06 10:00", "limit"),
    ("半小时内回电。", "半小时内", "06-05 10:30", "limit"),
    ("一刻钟内给您结果。", "一刻钟内", "06-05 10:15", "limit"),
    ("一个半小时内上门。", "一个半小时内", "06-05 11:30", "limit"),
    ("两天半内修复。", "两天半内", "06-07 22:00", "limit"),
    ("七十二小时内解决。", "七十二小时内", "06-08 10:00", "limit"),
    ("今晚八点前回电。", "今晚八点前", "06-05 20:00", "point"),
    ("明天上午给您答复。", "明天上午", "06-06 12:00", "point"),
    ("周三上门。", "周三", "06-11 00:00", "point"),
    ("下周一下午三点半回复。", "下周一下午三点半", "06-08 15:30", "point"),
    ("6月7日15:00前修复。", "6月7日15:00前", "06-07 15:00", "point"),
    ("六月七日下午5点前修复。", "六月七日下午5点前", "06-07 17:00", "point"),
    ("2026-06-08 09:30回复您。", "2026-06-08 09:30", "06-08 09:30", "point"),
    ("后天下午5点前联系您。", "后天下午5点前", "06-07 17:00", "point"),
    ("明天9:00-11:00师傅上门。", "明天9:00-11:00", "06-06 11:00", "point"),
    ("三点前回复您。", "三点前", "06-05 15:00", "point"),
    ("晚上12点前恢复。", "晚上12点前", "06-06 00:00", "point"),
    ("预计15:30恢复。", "15:30", "06-05 15:30", "point"),
    ("月底前退还。", "月底前", "07-01 00:00", "point"),
    ("5号之前答复您。", "5号之前", "06-06 00:00", "point"),
    ("当天回复。", "当天", "06-06 00:00", "point"),
    ("三个自然日内处理好。", "三个自然日内", "06-08 10:00", "limit"),
    ("俩钟头内修通。", "俩钟头内", "06-05 12:00", "limit"),
    ("今天下班前给您回电。", "今天下班前", "06-05 18:00", "point"),
    ("后天一早六点前恢复。", "后天一早六点前", "06-07 06:00", "point"),
    ("明天晌午修好。", "明天晌午", "06-06 14:00", "point"),
    ("七号上午九点前答复您。", "七号上午九点前", "06-07 09:00", "point"),
    ("3号之前退还。", "3号之前", "06-04 00:00", "point"),
    ("下个月3号之前退还。", "下个月3号之前", "07-04 00:00", "point"),
    ("夜里零点恢复。", "夜里零点", "06-06 00:00", "point"),
    ("6月7日下午四点，师傅上门。", "6月7日下午四点", "06-07 16:00", "point"),
]

NO_PROMISES = [
    "您3天前反映的问题已登记。",
    "12月28日已办理。",
    "请稍等，有一点问题。",
    "有三点建议供您参考。",
    "请拨打10086。",
    "晚上好！",
    "如24小时内未恢复，请联系我们。",
    "营业时间为9:00-18:00。",
    "您说“三天内修好”，我来核实。",
    "流量包有效期30天。",
    "第一时间为您反馈",
    "6月3日，师傅已经上门检测过。",
]


@pytest.mark.parametrize(("text", "words", "due", "kind"), PROMISES)
def test_a_promise_falls_due_when_a_customer_would_expect_it(
    text: str, words: str, due: str, kind: str
) -> None:
    [promise] = commitments(Reply(text), now=NOW)

    due_at = datetime.strptime(f"2026-{due} +0800", "%Y-%m-%d %H:%M %z")
    assert (promise.text, promise.due_at, promise.kind) == (words, due_at, kind)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("师傅明天中午上门，下午两点前修好。", "06-06 14:00"),
        ("合约6月8日到期，次日上午十点给您办理。", "06-09 10:00"),
        ("师傅6月8日到家，当天18:00前修好。", "06-08 18:00"),
        ("您昨天反映的，下午两点前答复您。", "06-05 14:00"),  # what has been names no day to come
        ("师傅明天上门。下午两点前给您回电。", "06-05 14:00"),  # in another sentence
    ],
)
def test_a_time_of_day_is_of_the_day_that_its_sentence_has_named(text: str, due: str) -> None:
    last = commitments(Reply(text), now=NOW)[-1]

    assert f"{last.due_at:%m-%d %H:%M}" == due


@pytest.mark.parametrize("text", NO_PROMISES)
def test_other_times_are_no_promises(text: str) -> None:
    assert commitments(Reply(text), now=NOW) == ()


def test_a_promise_is_found_without_knowing_the_present() -> None:
    [promise] = commitments(Reply("明天上午给您答复。"), now=None)

    assert (promise.text, promise.due_at) == ("明天上午", None)


@pytest.mark.parametrize("text", ["2月30日前答复", "25:00回复", "13月1日答复"])
def test_times_that_no_calendar_has_are_marked(text: str) -> None:
    [mention] = mentions(text, NOW)

    assert mention.impossible


def test_working_days_pass_over_the_weekend() -> None:
    assert add_working_days(NOW, 1).weekday() == 0


def test_the_result_does_not_depend_on_the_zone_of_now() -> None:
    abroad = NOW.astimezone(timezone(timedelta(hours=-7)))

    assert mentions("今晚八点前", abroad)[0].latest == mentions("今晚八点前", NOW)[0].latest


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-06-05T10:00:00+08:00", NOW),
        ("2026-06-05 10:00", NOW),
        ("2026-06-05T02:00:00Z", NOW),
        ("tomorrow", None),
        (7, None),
    ],
)
def test_instants_of_facts_are_read(value: object, instant: datetime | None) -> None:
    assert read_instant(value) == instant


def test_an_instant_is_written_as_it_is_said() -> None:
    assert spoken(NOW) == "6月5日10:00"


def test_trying_only_where_a_time_can_begin_misses_none() -> None:
    texts = [normalise(each.text) for each in REPLIES]
    texts += ["下下个周三来", "本月末", "大后天晌午", "一大早到", "十五号下午", "翌日", "夜里两点", "次月3日前", "礼拜天"]

    for text in texts:
        everywhere, reached = [], 0
        for start in range(len(text)):
            found = times._POINT.match(text, start)
            if start >= reached and found and _tells(found) and text[start] != " ":
                everywhere.append(found.span())
                reached = found.end()
        assert [found.span() for found in times._matches(text) if _tells(found)] == everywhere
    assert all(times._matches(text) for text in texts[-9:])


def _tells(found: re.Match[str]) -> bool:
    """Tell whether a match says when, and not only that something is before or after."""
    names = (*times._DATES, "period", "hour", "chour")
    return any(found[name] for name in names)
