"""Times and sums that a reply sets beside one another: what may look wrong and is right."""

from __future__ import annotations

import pytest

from bot.handbook.language.checker import Checker

# An end may lie in the next year, and what happens before a beginning may be another thing.
RIGHT = [
    "合约期自6月1日起至明年5月31日止。", "优惠期从8月1日起，到1月31日止。",
    "活动从12月20日起，到1月5日止。", "活动7月1日开始，报名6月25日截止。",
    "新套餐从7月1日起生效，原套餐6月30日截止。", "系统升级6月10日0:00开始，6月9日18:00停止受理业务。",
    "账单周期从26号起，到25号止。", "预计周六上门，最晚周五给您打电话确认。",
    "您从59元档升到99元档，每月至少付99元。", "从59元改到39元，一年省240元。",
    "从39元档改到99元档，本月按天多收28元。", "您今天充值50元，扣除月租39元，余额23.5元。",
    "充值100元，抵扣30元，应退还10元。", "本月月租按比例收20元，来显5元，漫游10元，合计35元。",
    "1,299元打八折，折后1039.2元。", "夜间专线17点到早7点可以打。",
    "9999年12月29日前有效，3个工作日内办理。",
]  # fmt: skip
WRONG = [
    "合约从2025年8月1日起，到2025年7月31日止。", "割接3月5日1:00开始，3月5日0:30结束。",
    "预计12月9日可以解除限制，最晚12月8日解除。", "从39元降至19元，每月省30元。",
    "您预存了200元，到今天用掉86.4元，销户后可退123.6元。", "每月39元，6个月合计200元。满意度95%。",
]  # fmt: skip
MOMENTS = [None, "2026-06-05T10:00:00+08:00", "2026-07-01T10:00:00+08:00"]


def objections(checker: Checker, text: str, now: str | None) -> set[str]:
    findings = checker.check(text, facts={"now": now} if now else None).findings
    return {each.rule for each in findings if each.rule in {"ACC-02", "ACC-03"}}


@pytest.mark.parametrize("now", MOMENTS)
def test_what_only_looks_contradictory_passes(checker: Checker, now: str | None) -> None:
    assert [text for text in RIGHT if objections(checker, text, now)] == []


@pytest.mark.parametrize("now", MOMENTS)
def test_what_cannot_both_be_is_found(checker: Checker, now: str | None) -> None:
    assert [text for text in WRONG if not objections(checker, text, now)] == []
