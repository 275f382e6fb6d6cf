"""Chapter 3.1: what a customer wishes for a technician's visit belongs to the ticket."""

from __future__ import annotations

import pytest

from bot.handbook.visits import LONGEST_WISH, wishes_for_visit

WISHES = [
    "屋头有狗 来之前言语一声", "师傅动身之前打我一下电话", "装维上门先发条短信哈", "过来前打俺手机就中", "莫按门铃 娃儿刚睡着", "到了敲门嘛 铃铛坏起的",
    "喊师傅带根长点的网线", "来修那天走东门 西门封了", "到楼下喊一声我来接", "来的时候从地下车库上来", "麻烦师傅穿个鞋套",
    "那个就是师傅来之前能不能先给我打个电话我好下楼接他一下",
]  # fmt: skip
NO_WISHES = [
    # a wish without an arrival, an arrival without a wish
    "给我打个电话", "发条短信给我", "师傅好久到", "来电显示咋个开",
    # what is past, asked or complained about
    "师傅没打电话就走了", "昨天来的师傅给我打电话要收钱", "师傅打电话是多少号", "师傅态度差 我要投诉他不打电话", "师傅几点给我打电话", "师傅来之前会不会打电话",
    "有人冒充师傅打电话让我加微信",
    # another matter beside it
    "师傅来之前打个电话，另外帮我查下话费", "师傅来之前打个电话 手机也没信号",
    "师傅来之前打个电话" + "，谢谢" * LONGEST_WISH,
]  # fmt: skip


@pytest.mark.parametrize("said", WISHES)
def test_an_arrival_and_a_wish_are_more_of_the_ticket(said: str) -> None:
    assert wishes_for_visit(said, "fault_broadband")


@pytest.mark.parametrize("said", NO_WISHES)
def test_nothing_else_is_taken_for_a_wish(said: str) -> None:
    assert not wishes_for_visit(said, "fault_broadband")


def test_the_line_of_the_ticket_itself_may_be_named() -> None:
    assert wishes_for_visit("来看电视那天走后门", "fault_tv")
    assert not wishes_for_visit("来看电视那天走后门", "fault_broadband")
