"""Chapter 3.1: the number that the matter is about and the one to call are kept apart."""

from __future__ import annotations

import pytest

from bot.desk.intakes import read_back
from bot.handbook.facts import find_facts
from bot.handbook.intake import CONFIRM, advance, begin
from bot.handbook.intake_numbers import (
    CALLED,
    LINE,
    new_number,
    numbers_told,
    of_line,
    points_at_caller,
    stays_line,
    swapped,
    tail_mended,
)
from bot.handbook.privacy import mask, mask_in_place
from tests.handbook.intakes import HANDBOOK, TABLES, confirming, read, start

LOST, OWN = "13800000099", "13900001234"


@pytest.mark.parametrize(
    "said",
    [
        f"帮我妈的号码{LOST}报停，联系我打{OWN}",
        f"{LOST}丢了要补卡，打我老婆的{OWN}",
        f"要停机的是{LOST}，我的电话{OWN}",
        f"我的手机是{OWN}，副卡{LOST}",
        f"业务号码{LOST} 联系电话{OWN}",
        f"我儿子的呀，{LOST}，我上班接不了，打他妈妈{OWN}",
        f"退订的是我儿子{LOST}，联系的是他妈{OWN}",
        f"业务号码改成{LOST}，联系电话改成{OWN}",
        f"补卡，号码{LOST}，联系{OWN}",
        f"我打{LOST}打不通，你们打{OWN}",
        f"别打{LOST}，打{OWN}",
        f"我妈的号销户，她{LOST}，打我电话{OWN}",
    ],
)
def test_two_numbers_are_told_apart(said: str) -> None:
    assert numbers_told(said) == {CALLED: OWN, LINE: LOST}


@pytest.mark.parametrize(
    "said", [f"她座机是0755-26661112，联系我手机{OWN}", f"075526661112 {OWN}", f"座机报停，号码零七五五二六六六一一一二，联系{OWN}"]
)
def test_a_landline_beside_a_mobile_is_what_it_is_about(said: str) -> None:
    assert numbers_told(said) == {CALLED: OWN, LINE: "075526661112"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"业务号码改成{LOST}", LINE), (f"我妈号码说错了，应该是{LOST}", LINE), (f"要退订的是{LOST}", LINE),
        (f"联系电话换成{LOST}吧", CALLED), (f"联系电话写我妈的吧{LOST}", CALLED), (f"电话改成{LOST}", None),
    ],
)  # fmt: skip
def test_one_number_beside_a_known_one_goes_where_its_words_say(said: str, told: str | None) -> None:
    assert numbers_told(said, known=True) == ({told: LOST} if told else {})


@pytest.mark.parametrize(
    "said", [f"骗子用{LOST}打来，联系我打{OWN}", f"他们给我的{LOST}，打我{OWN}", f"联系我打{OWN}"]
)
def test_a_strangers_number_is_not_what_it_is_about(said: str) -> None:
    assert numbers_told(said) == {CALLED: OWN}


@pytest.mark.parametrize("said", [f"{LOST} {OWN}", f"{LOST}", "没有号码"])
def test_numbers_that_nobody_tells_apart_are_not_guessed(said: str) -> None:
    assert numbers_told(said) == {}


@pytest.mark.parametrize(
    ("type", "about"),
    [("suspend_resume", True), ("bill_query", True), ("fault_mobile", True), ("fraud_report", False),
     ("fault_broadband", False), ("relocate", False), ("suggestion", False), ("fault_landline", True)],
)  # fmt: skip
def test_which_requests_are_about_a_number(type: str, about: bool) -> None:
    assert of_line(HANDBOOK.types[type]) is about


def test_both_numbers_are_read_back() -> None:
    text = f"我妈的号码{LOST}要报停，联系我打{OWN}"
    intake, turn = begin(read(text, "suspend_resume", phone_number=LOST), TABLES, key="k")

    assert (intake.facts["phone_number"], intake.facts[LINE], turn.ask) == (OWN, LOST, CONFIRM)
    shown = read_back(intake, HANDBOOK)
    assert "业务号码：138****0099" in shown
    assert "联系电话：139****1234" in shown


def test_another_number_to_call_leaves_what_it_is_about() -> None:
    intake = confirming("suspend_resume", phone_number=LOST)
    advance(intake, read(f"联系电话换成{OWN}吧", phone_number=OWN), TABLES)

    assert (intake.facts["phone_number"], intake.facts[LINE]) == (OWN, LOST)


def test_a_number_that_was_wrong_is_gone() -> None:
    intake = confirming("suspend_resume", phone_number=LOST)
    advance(intake, read(f"联系电话写错了，是{OWN}", phone_number=OWN), TABLES)

    assert intake.facts["phone_number"] == OWN
    assert LINE not in intake.facts


def test_a_fault_at_home_is_about_no_number() -> None:
    intake = start(text=f"宽带断了，我妈的号码{LOST}，联系我打{OWN}", phone_number=LOST)

    assert (intake.facts["phone_number"], LINE in intake.facts) == (OWN, False)


@pytest.mark.parametrize(
    ("said", "stays"), [("换个电话联系我", True), ("打这个13900001234", True), ("号码错了", False), ("电话改成139", True)]
)
def test_when_the_number_of_before_stays(said: str, stays: bool) -> None:
    assert stays_line(said) is stays


READ_OUT = [
    ("我家座机零七五五八六零三二幺四五", "075586032145", "我家座机零七五五****二幺四五"),
    ("号码是零二九 八八二三四五六七", "02988234567", "号码是零二九 ****四五六七"),
    ("座机零幺零六二七五一二三四谢谢", "01062751234", "座机零幺零六***一二三四谢谢"),
]


@pytest.mark.parametrize(("said", "number", "masked"), READ_OUT)
def test_a_landline_that_is_read_out_is_heard_and_masked(said: str, number: str, masked: str) -> None:
    assert [fact.value for fact in find_facts(said) if fact.name == "phone_number"] in ([number], ["0106" + number[4:]])
    assert mask(said).endswith(masked[-4:])
    assert len(mask_in_place(said)) == len(said)


@pytest.mark.parametrize("said", ["零零零零零零", "一二三四五六七八", "两千零三十五块", "零点到六点", "二零二六年一月"])
def test_other_numerals_are_no_landline(said: str) -> None:
    assert mask(said) == said


def test_the_callers_new_number_is_not_the_customers() -> None:
    assert new_number("骗子又打来了，电话换成13812340000") == ""
    assert new_number("我电话留错了，是13812340000") == "13812340000"


BOTH = {CALLED: "13900002123", LINE: "13900004455"}


@pytest.mark.parametrize(
    ("said", "mended"),
    [
        ("最后是2124", {CALLED: "13900002124"}), ("我妈号码最后是4456不是4455", {LINE: "13900004456"}),
        ("我爸那个说错了，是四二零四结尾", {LINE: "13900004204"}), ("联系电话尾号是0001", {CALLED: "13900000001"}),
        ("尾号不对，是1235", {CALLED: "13900001235"}), ("业务号码尾号改成1235", {LINE: "13900001235"}),
        ("最后一个问题", {}), ("最后是12楼", {}), ("尾号多少", {}),
    ],
)  # fmt: skip
def test_the_last_digits_are_put_right(said: str, mended: dict[str, str]) -> None:
    assert tail_mended(BOTH, said) == mended


@pytest.mark.parametrize("said", ["两个号码写反了", "反了反了", "号码弄反了", "两个号码对调一下"])
def test_two_numbers_change_places(said: str) -> None:
    assert swapped(BOTH, said) == {CALLED: BOTH[LINE], LINE: BOTH[CALLED]}


@pytest.mark.parametrize("said", ["反正快点", "你们反应一下", "号码对的"])
def test_other_words_leave_them_where_they_are(said: str) -> None:
    assert swapped(BOTH, said) == {}


def test_the_other_way_round_is_read_back() -> None:
    text = f"我妈的号码{LOST}要报停，联系我打{OWN}"
    intake, _ = begin(read(text, "suspend_resume", phone_number=LOST), TABLES, key="k")
    turn = advance(intake, read("两个号码写反了", "deny"), TABLES)

    assert (intake.facts[CALLED], intake.facts[LINE], turn.ask) == (LOST, OWN, CONFIRM)


def test_who_lost_the_phone_is_asked_where_to_call() -> None:
    intake = start("suspend_resume", f"我手机掉了，先挂失，我号是{LOST}", phone_number=LOST)
    assert (intake.asking, intake.facts) == (CALLED, {LINE: LOST})

    advance(intake, read(OWN, phone_number=OWN), TABLES)

    assert (intake.asking, intake.facts) == (CONFIRM, {LINE: LOST, CALLED: OWN})


def test_the_same_number_can_be_called() -> None:
    intake = start("suspend_resume", f"卡掉了要挂失，{LOST}", phone_number=LOST)
    advance(intake, read("就打这个"), TABLES)

    assert (intake.asking, intake.facts[CALLED]) == (CONFIRM, LOST)


@pytest.mark.parametrize("said", ["就是我打电话这个号", "本机", "我现在用的这个号码"])
def test_nobody_here_sees_the_number_of_the_caller(said: str) -> None:
    assert points_at_caller(said)

    intake = start("suspend_resume", "我要报停")
    turn = advance(intake, read(said), TABLES)

    assert ([each.response for each in turn.says], turn.ask) == (["utter_caller_unseen"], CALLED)


@pytest.mark.parametrize("said", ["就打这个13900001234", "打过来没人接", "这个号码多少钱"])
def test_other_words_do_not_point_at_the_caller(said: str) -> None:
    assert not points_at_caller(said)


def test_the_number_of_the_matter_alone_is_asked_for_anew() -> None:
    intake = confirming("suspend_resume", phone_number=OWN)
    advance(intake, read("业务号码不对", "deny"), TABLES)
    assert intake.asking == LINE

    advance(intake, read(LOST, phone_number=LOST), TABLES)

    assert (intake.facts[LINE], intake.facts[CALLED], intake.asking) == (LOST, OWN, CONFIRM)


def test_the_daughters_number_is_none_that_is_handed_over() -> None:
    text = f"我要过户给我女儿，我的号是{OWN}，女儿的号是{LOST}"
    intake = start("transfer_ownership", text, phone_number=OWN)

    assert (intake.facts[CALLED], LINE in intake.facts) == (OWN, False)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("电话139零零零零七七八八谢谢", "电话139****七七八八谢谢"), ("幺三九 零零零零 二幺 二三", "幺三九****二幺二三"),
        ("一三九，零零零零，一六一六", "一三九****一六一六"),
        ("139零零零零七七八八和一三九零零零零一六一六", "139****七七八八和一三九****一六一六"), ("一二三四五六七八九十一", "一二三四五六七八九十一"),
    ],
)  # fmt: skip
def test_a_mobile_in_digits_and_characters_is_masked(said: str, shown: str) -> None:
    assert mask(said) == shown
    assert len(mask_in_place(said)) == len(said)


def test_the_number_of_somebody_named_before_is_theirs() -> None:
    text = f"手机丢了要挂失补卡，号码{LOST}，联系我老公{OWN}"
    intake, _ = begin(read(text, "sim_replace", phone_number=LOST), TABLES, key="k")
    other = "13900004345"
    advance(intake, read(f"我老公电话改成{other}", phone_number=other), TABLES)

    assert (intake.facts[LINE], intake.facts[CALLED]) == (LOST, other)


def test_the_number_that_is_stopped_is_the_one_of_the_matter() -> None:
    text = f"给我儿子手机办停机，号码{LOST}，联系我{OWN}"
    intake, _ = begin(read(text, "suspend_resume", phone_number=LOST), TABLES, key="k")
    advance(intake, read("有误，停机号码是13900006162", "deny", phone_number="13900006162"), TABLES)

    assert (intake.facts[LINE], intake.facts[CALLED]) == ("13900006162", OWN)


def test_digits_put_right_after_the_question_what_is_wrong_change_no_matter() -> None:
    intake = confirming("suspend_resume", phone_number="13900001234")
    advance(intake, read("有误，要修改", "deny"), TABLES)
    turn = advance(intake, read("尾号改成1235", "transfer_ownership", confidence=0.9), TABLES)

    assert (turn.outcome, intake.type, intake.facts[CALLED], turn.ask) == (None, "suspend_resume", "13900001235", CONFIRM)


def test_a_lost_card_that_is_found_ends_it() -> None:
    intake = confirming("suspend_resume", phone_number=OWN)

    assert advance(intake, read("等一下，卡找到了", "unclear"), TABLES).outcome == "cancel"


@pytest.mark.parametrize(
    "said",
    [
        "对的，最后24小时都没网", "确认，最后12小时内必须来修", "没问题，最后三四次都没修好", "确认，门牌最后是12",
        "我银行卡尾号6666扣的钱", "对，身份证后四位是1234", "房号最后是3021", "可以 就停尾号4455的", "工单尾号0042，催一下",
        "最后24小时了还没人来", "骗子尾号8888",
    ],
)  # fmt: skip
def test_the_end_of_something_else_changes_no_number(said: str) -> None:
    assert tail_mended(BOTH, said) == {}


@pytest.mark.parametrize(
    "said", ["确认，你们反了天了", "对 你们把收费标准写反了", "确认 电话里师傅说反了套餐", "网线插反了", "你把地址写反了", "真是反了"]
)
def test_what_else_is_the_wrong_way_round_swaps_no_numbers(said: str) -> None:
    assert swapped(BOTH, said) == {}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{LOST}别打，{OWN}能打通", {CALLED: OWN, LINE: LOST}), (f"我妈{LOST}也被扣了", {}), (f"联系电话不是{LOST}", {}),
        (f"打{LOST}提示空号", {}), (f"确认，别打{LOST}", {}), (f"有个人联系我说拨{LOST}就退钱", {}),
    ],
)  # fmt: skip
def test_numbers_that_are_only_spoken_of_change_none(said: str, told: dict[str, str]) -> None:
    assert numbers_told(said, known=True) == told


def test_who_told_where_to_call_names_the_lost_number_next() -> None:
    intake = start("suspend_resume", f"手机丢了要挂失，打我老公{OWN}", phone_number=OWN)
    assert (intake.asking, intake.facts[CALLED]) == (CONFIRM, OWN)

    advance(intake, read(LOST, phone_number=LOST), TABLES)

    assert (intake.facts[LINE], intake.facts[CALLED]) == (LOST, OWN)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("0755－86032145", "0755－****2145"), ("0755 八六零三二幺四五", "0755 ****二幺四五"), ("零七五五 86032145", "零七五五 ****2145"),
        ("(0755)86032145", "(0755)****2145"),
        ("一、三、五、七、八、九、一、二、三、四、五", "一、三、五、七、八、九、一、二、三、四、五"),
    ],
)  # fmt: skip
def test_landlines_are_masked_however_they_are_written(said: str, shown: str) -> None:
    assert mask(said) == shown
