"""Chapter 3.1: short answers are read by their words."""

from __future__ import annotations

import pytest

from bot.handbook.short_answers import agrees, finds_fault, gives_up, is_enough, refuses

YES = ["是", "是的", "对", "对的", "对对对", "對", "好", "好的", "好了", "行", "行吧", "嗯嗯", "可以", "没错", "没有错", "没问题", "没有问题", "沒問題", "没什么问题", "没啥问题", "没意见", "没毛病", "确认", "確認提交", "提交吧", "无误", "OK", "yes", "不用改", "不用修改了", "没有要改的", "就这样", "要", "需要"]
NOT_YES = ["好像不对", "好久了", "好多天了", "好几天了", "对不起", "对了我还要开发票", "是不是要钱", "行不行", "可以吗", "可以不登记", "要多久", "要等几天", "需要多久", "需要修改", "要修改地址", "要是明天呢", "好吗", "是什么意思", "好的但是地址不对", "对，电话错了", "不", "不是", "没有", "没解决", "不对", "错了", "不过"]


@pytest.mark.parametrize("text", YES)
def test_words_of_consent_agree(text: str) -> None:
    assert agrees(text)
    assert not refuses(text)


@pytest.mark.parametrize("text", NOT_YES)
def test_doubts_questions_and_changes_do_not_agree(text: str) -> None:
    assert not agrees(text)
    assert not agrees(text, type="affirm")


def test_a_long_sentence_agrees_only_when_the_model_says_so() -> None:
    text = "对的就是这样你赶快帮我登记一下"

    assert (agrees(text), agrees(text, type="affirm")) == (False, True)


@pytest.mark.parametrize("text", ["不", "不是", "不对", "没有", "没", "没解决", "不行", "不可以", "否", "错了", "有误", "No"])
def test_words_of_refusal_refuse(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize("text", ["不对，电话写错了", "有误", "要修改", "需要改一下地址", "名字错了"])
def test_faults_in_what_was_read_back_are_heard(text: str) -> None:
    assert finds_fault(text)


@pytest.mark.parametrize("text", ["没错", "没有错了", "不用改", "可以", "提交吧"])
def test_no_fault_is_heard_in_consent(text: str) -> None:
    assert not finds_fault(text)


GIVEN_UP = [
    "算了", "算了吧", "那算了不办了", "唉算了，我自己去营业厅", "不用了", "不用了谢谢", "我不用了", "那就不用了吧",
    "不用登记了", "不想办了", "宽带我不办了", "别报了", "当我没说", "取消登记", "先不提交", "不要提交", "还是算了",
]
NOT_GIVEN_UP = [
    "我算了一下，一共多扣了三百块",  # reckons
    "那个会员我早就不用了你们还扣钱",  # no longer uses it
    "这个号我不用了，想销户",
    "他们说不办了也要交钱", "打算了解一下套餐", "你们算了错账", "不用", "不要彩铃了",
]


@pytest.mark.parametrize("text", GIVEN_UP)
def test_a_change_of_mind_is_heard(text: str) -> None:
    assert gives_up(text)


@pytest.mark.parametrize("text", NOT_GIVEN_UP)
def test_a_story_with_the_same_words_is_no_change_of_mind(text: str) -> None:
    assert not gives_up(text)


@pytest.mark.parametrize("undoes", [False, True])
def test_cancel_gives_up_unless_cancelling_is_what_is_wanted(undoes: bool) -> None:
    assert gives_up("取消吧", undoes=undoes) is not undoes


@pytest.mark.parametrize("text", ["不用了谢谢", "没有其他问题了", "没有了", "没事了"])
def test_enough_after_an_answer(text: str) -> None:
    assert is_enough(text)


@pytest.mark.parametrize("text", ["没有解决", "没有", "没用", "不行", "不用废话给我登记", "不用了帮我转人工"])
def test_not_enough_after_an_answer(text: str) -> None:
    assert not is_enough(text)
