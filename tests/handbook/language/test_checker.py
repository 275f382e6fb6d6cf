"""The checker as a whole: verdicts, order, offsets, fixes, and that nothing makes it fail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.handbook.language.case import CONTEXTS, context_of
from bot.handbook.language.checker import Checker, RuleNotFound, UnknownBrand, load_checker
from bot.handbook.language.finding import Level, Verdict
from bot.handbook.language.times import SHANGHAI

PIECES = st.sampled_from(
    [
        "我",
        "您",
        "你",
        "不知道",
        "验证码",
        "密码",
        "发我",
        "！！",
        "。",
        "，",
        "“",
        "”",
        "6月7日",
        "25:00",
        "三天内",
        "共60元",
        "：",
        "39元",
        "+",
        "=",
        "13800000000",
        "110105",
        "19491231",
        "002X",
        "{name}",
        "😊",
        "http://a.top",
        "10000",
        "拨打",
        "尽快",
        "\u200b",
        "請",
        "ＡＢ",
        "工单号",
        "《电信条例》第七十条",
        "周三",
        "（",
        "）",
        "预计",
        "最晚",
        "[微笑]",
        "余额",
        "nan",
        "一二三",
        "\n",
        "&",
        "*",
        "~",
    ]
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "deadline_h": st.one_of(st.none(), st.floats(), st.text(max_size=3)),
        "respond_by": st.one_of(st.none(), st.datetimes(), st.text(max_size=12)),
        "resolve_by": st.one_of(st.just("2026-06-06T10:00:00+08:00"), st.integers()),
        "appointment": st.one_of(
            st.text(max_size=20), st.dictionaries(st.text(max_size=2), st.text())
        ),
        "balance": st.one_of(st.floats(), st.text(max_size=5), st.booleans()),
        "brand": st.one_of(st.sampled_from(["移动", "CMCC", ""]), st.integers()),
        "ticket_number": st.text(max_size=5),
        "state": st.sampled_from(["processing", "closed", "?"]),
        "approved": st.one_of(st.booleans(), st.lists(st.floats(), max_size=2)),
        "now": st.one_of(st.just("2026-06-05T10:00:00+08:00"), st.text(max_size=3)),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join)),
    turn=st.sampled_from([None, "first", "mid", "close"]),
    context=st.sampled_from([None, *CONTEXTS]),
    facts=FACTS,
)
def test_no_text_and_no_facts_make_it_fail(text, turn, context, facts) -> None:
    result = load_checker(verify=False).check(text, turn=turn, context=context, facts=facts)

    for finding in (*result.findings, *result.suppressed):
        assert 0 <= finding.start <= finding.end <= len(text)
        assert text[finding.start : finding.end] == finding.matched
    assert all(0 <= each.start < each.end <= len(text) for each in result.commitments)


def test_the_same_reply_gets_the_same_answer(checker: Checker) -> None:
    text = "不知道！！你把验证码发我。"

    assert checker.check(text).findings == checker.check(text).findings


def test_findings_come_in_the_order_of_the_text(checker: Checker) -> None:
    findings = checker.check("好的？？验证码发我！！").findings

    assert [each.start for each in findings] == sorted(each.start for each in findings)


@pytest.mark.parametrize(
    ("text", "context", "verdict"),
    [
        ("验证码发我，我帮您登录。", None, Verdict.BLOCK),
        ("您确定要退订吗？？", None, Verdict.WARN),
        ("已为您退订😊", "general", Verdict.PASS),
        ("已为您退订😊", "complaint", Verdict.WARN),
        ("已为您退订，生效时间为次月1日。", None, Verdict.PASS),
    ],
)
def test_the_heaviest_finding_gives_the_verdict(checker, text, context, verdict) -> None:
    assert checker.check(text, context=context).verdict is verdict


def test_secrets_may_not_be_sent_in_spite_of_a_block(checker: Checker) -> None:
    assert not checker.check("验证码发我。").overridable
    assert checker.check("联系人号码13800000000。").overridable


def test_rules_that_need_a_turn_are_silent_without_one(checker: Checker) -> None:
    text = "您的投诉已登记。"

    assert "LEN-02" in [
        each.rule for each in checker.check(text, turn="mid", context="complaint").findings
    ]
    assert checker.check(text).findings == ()


def test_what_was_taken_back_is_shown(checker: Checker) -> None:
    result = checker.check("请勿将验证码告诉任何人。")

    assert ("PRV-04", "safety") in [(each.rule, each.by) for each in result.suppressed]


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("请核对帐单！！号码是13800000000", "请核对账单！号码是138****0000"),
        ("您好😊请登陆", "您好请登录"),
        ("没有可改之处。", "没有可改之处。"),
    ],
)
def test_safe_fixes_are_applied_together(checker: Checker, text: str, fixed: str) -> None:
    assert checker.fix(text) == fixed


def test_a_suggestion_names_the_tickets_deadline(checker: Checker) -> None:
    now = datetime(2026, 6, 5, 10, 0, tzinfo=SHANGHAI)
    facts = {"resolve_by": "2026-06-06T10:00:00+08:00"}
    [finding] = [
        each
        for each in checker.check("我们下周三给您答复。", facts=facts, now=now).findings
        if each.rule == "ACC-01"
    ]

    assert "6月6日10:00" in finding.suggestion


def test_the_contract_of_a_result(checker: Checker) -> None:
    answer = checker.check("好的").as_json()

    assert list(answer) == ["verdict", "findings"]
    assert list(answer["findings"][0]) == [
        "rule", "level", "start", "end", "matched", "message", "suggestion", "basis",
    ]  # fmt: skip


def test_an_unknown_rule_is_not_explained(checker: Checker) -> None:
    with pytest.raises(RuleNotFound, match="XYZ-01"):
        checker.explain("XYZ-01")


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("fault_tv", "fault"),
        ("complaint_service", "complaint"),
        ("bill_dispute", "complaint"),
        ("port_out", "porting"),
        ("close_account", "cancel"),
        ("store_info", "general"),
        ("outage", "outage"),
        ("", None),
        (None, None),
    ],
)
def test_a_request_type_stands_for_a_context(name: str | None, context: str | None) -> None:
    assert context_of(name) == context


def test_levels_have_labels_for_staff() -> None:
    assert [level.label for level in Level] == ["必改", "建议改", "提示"]


def test_the_installation_names_whose_numbers_are_official() -> None:
    text = "您好，请拨打10010咨询。"
    rules = [each.rule for each in load_checker(verify=False, brand="移动").check(text).findings]

    assert "ACC-04" in rules
    assert not load_checker(verify=False, brand="unicom").check(text).findings


def test_facts_of_a_reply_name_another_operator() -> None:
    checker = load_checker(verify=False, brand="mobile")

    assert not checker.check("您好，请拨打10010咨询。", facts={"brand": "联通"}).findings


def test_a_brand_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(UnknownBrand, match=r"INTAKE_BRAND.*mobile"):
        load_checker(verify=False, brand="nobody")


def blocked_by(checker: Checker, *rules: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the bad examples that words block, of all rules or of some.

    What is blocked by its sound may sound better in company: `test_sounding` has bounds for that.
    """
    found = []
    for rule in checker.rules:
        for each in rule.bad if not rules or rule.id in rules else ():
            case = {
                "speaker": each.speaker or "staff", "turn": each.turn, "context": each.context,
                "facts": each.facts or None,
            }
            blocking = {
                finding.rule for finding in checker.check(each.text, **case).findings
                if finding.level is Level.BLOCK
            }
            if any(checker.explain(name).kind != "tone" for name in blocking):
                found.append((each.text.rstrip("。！!~"), case))
    return found


@pytest.mark.parametrize("more", ["，给个五星好评呗。", "，亲。"])
def test_a_milder_offence_beside_it_makes_no_block_milder(checker: Checker, more: str) -> None:
    assert [
        text for text, case in blocked_by(checker)
        if checker.check(f"{text}{more}", **case).verdict is not Verdict.BLOCK
    ] == []


def test_no_greeting_and_no_sum_lets_an_insult_pass(checker: Checker) -> None:
    rude = blocked_by(checker, "CPL-06", "FBD-08", "FBD-11", "FBD-12")

    assert len(rude) > 40
    assert [
        text for text, case in rude
        if checker.check(f"您好，{text}，10元的事，我为您登记。", **case).verdict is not Verdict.BLOCK
    ] == []


def test_a_weak_rule_gives_way_in_the_clause_of_a_better_one_only(checker: Checker) -> None:
    calming = checker.check("别这么大火气。", context="complaint")
    beside = checker.check("别催了，别这么大火气。", context="complaint")

    assert calming.verdict is Verdict.WARN
    assert ("FBD-20", "ACK-03") in [(each.rule, each.by) for each in calming.suppressed]
    assert beside.verdict is Verdict.BLOCK


def test_a_reply_that_says_what_is_being_done_gives_no_order(checker: Checker) -> None:
    ordered = "材料补齐了再来找我。"

    assert checker.check(ordered).verdict is Verdict.BLOCK
    assert (
        checker.check(f"{ordered[:-1]}，我会联系审核，今天18:00前给您结果。").verdict
        is Verdict.PASS
    )
