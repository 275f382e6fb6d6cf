"""Replies with times, sums and numbers that are right, and look as if they were not."""

from __future__ import annotations

import pytest

from bot.handbook.language.checker import load_checker

NOW = "2026-06-05T10:00:00+08:00"  # a Friday

RIGHT = [
    # (reply, facts)
    ("26号之前给您退还押金。", {}),
    ("22号上午10点师傅上门。", {"appointment": "2026-06-22T10:00:00+08:00"}),
    ("28号给您答复。", {"now": "2026-01-02T10:00:00+08:00"}),
    ("31号前给您答复。", {"now": "2026-06-25T10:00:00+08:00"}),
    ("您周三反映的问题，下午五点前给您答复。", {"resolve_by": "2026-06-06T10:00:00+08:00"}),
    ("您的套餐6月30日到期，续约方案下午三点前发给您。", {"resolve_by": "2026-06-06T10:00:00+08:00"}),
    ("您5月20日欠费停机，交清后当天会恢复通话。", {}),
    ("您5月28日办理的携号转网，次日会收到短信通知。", {}),
    ("您周三（6月3日）缴的100元已到账。", {}),
    ("今天18:00前（明天休息）给您答复。", {}),
    ("故障发生在昨天晚上八点（今天早上六点恢复）。", {}),
    ("今天约满了，就是明天上午有空档。", {}),
    ("100元打八折，省20元。", {}),
    ("199元档打八折，每月便宜39.8元。", {}),
    ("套餐99元打八折，流量包10元另收。", {}),
    ("原价100元打八折再减10元，到手70元。", {}),
    ("手机2999元，减500元，再减100元，到手2399元。", {}),
    ("月费129元，优惠30元，两个月实付198元。", {}),
    ("您本月账单129元，优惠30元，上月结余10元抵扣，实付89元。", {}),
    ("上午9点到5点都可以办理。", {}),
    ("明天上午11点至1点之间上门。", {}),
    ("明天上午10点到下午1点上门。", {"appointment": "2026-06-06T12:30:00+08:00"}),
    ("今晚23:00至1:00升级。", {}),
    ("您账上有50元赠款，余额35.6元。", {"balance": 35.6}),
    ("副卡账户欠10元。", {"balance": 35.6}),
    ("您上月账户欠30元，本月已缴清，余额0元。", {"balance": 0}),
    ("账上还剩35块6角5分。", {"balance": 35.65}),
    ("关于您反映的垃圾短信，若对我们的处理不满意，可拨打12300申诉。", {}),
    ("按工信部要求，收到骚扰短信可拨打12321举报。", {}),
    ("这条垃圾短信疑似诈骗，请拨打96110核实。", {}),
    ("原预计昨天18:00恢复，实际今天8:00才恢复，非常抱歉。", {}),
    ("此前公告预计6月4日恢复，现更正为6月6日。", {}),
    ("您的合约将于4月30日到期。", {}),
    ("请您于5月31日前的账单中核对。", {}),
    ("今天下班前给您回电。", {"now": "2026-06-05T18:30:00+08:00"}),
    ("6月3日，师傅已经上门检测过，这次约在6月8日。", {"appointment": "2026-06-08T10:00:00+08:00"}),
    ("您需要在月底前补齐材料，最迟6月25日我们会提醒您。", {}),
    ("一般要等7天犹豫期，最迟明天给您出单。", {}),
    ("师傅预计今天下午到，最晚下午四点。", {}),
    ("违约金按剩余5个月、每月20元的50%计算，共50元。", {}),
    ("合约24个月，每月返20元，目前累计返了60元。", {}),
    ("宽带每月50元，12个月年付总价540元。", {}),
    ("快递单号后四位1234。", {"ticket_number": "TK20260605001"}),
    ("您的单号，2026-06-05受理的。", {"ticket_number": "TK20260605001"}),
    ("请到三号前台办理。", {}),
    ("有效期至9999年12月31日。", {}),
    ("今天夜里两点前修复。", {"now": "2026-06-05T15:00:00+08:00"}),
]


@pytest.mark.parametrize(("text", "facts"), RIGHT)
def test_what_is_right_is_not_objected_to(text: str, facts: dict[str, object]) -> None:
    checker = load_checker(verify=False)
    found = checker.check(text, turn="mid", context="billing", facts={"now": NOW, **facts}).findings

    assert [each.rule for each in found if each.rule.startswith("ACC")] == []


def test_an_article_without_end_is_none_that_is_known() -> None:
    found = load_checker(verify=False).check(f"《电信条例》第{'9' * 400}条。").findings

    assert "ACC-07" in {each.rule for each in found}


def test_a_reply_of_a_thousand_times_is_read_up_to_a_hundred() -> None:
    from bot.handbook.language.times import mentions

    assert len(mentions("6月3日给您答复。" * 1000, None)) == 100
