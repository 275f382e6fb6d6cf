"""Places as customers tell them: in pieces, among talk, told again, put right."""

from __future__ import annotations

import pytest

from bot.handbook.facts import find_facts
from bot.handbook.intake import advance
from bot.handbook.intake_places import is_place, joined, place_in_parts, place_said, same_place
from tests.handbook.intakes import PHONE, TABLES, confirming, read, start


def heard(text: str, type: str = "inform"):
    """Return the reading of a message, with the facts that are found in it."""
    return read(text, type, facts={fact.name: fact.value for fact in find_facts(text)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("你这人咋答非所问。沙坪坝区天星桥晒光坪32号", "沙坪坝区天星桥晒光坪32号"),
        ("改一下三个字不要，地址：江北区蓝光二期7栋", "江北区蓝光二期7栋"),
        ("我妈回我了 是御景江城12栋3单元", "御景江城12栋3单元"),
        ("还没完，巫山县高唐街道18号", "巫山县高唐街道18号"),
        ("写南川区隆化街道5号", "南川区隆化街道5号"),
        ("是江津区白沙镇东华街，还有我那个号码没错嘛", "江津区白沙镇东华街"),
        ("你把话都写进地址了，地址就是南坪万寿路6号8-2", "南坪万寿路6号8-2"),
        ("写得乱七八糟的，地址城口县葛城街道6号。座机好的", "城口县葛城街道6号"),
        ("新地址是北碚区蔡家岗街道同兴里3栋", "北碚区蔡家岗街道同兴里3栋"),
        ("平江路8栋1203 刚才写过的！！", "平江路8栋1203"),
        ("莲花路58号 后面那句不要", "莲花路58号"),
        ("幸福小区3号楼，2单元，501", "幸福小区3号楼，2单元，501"),
        ("我们村东头，老槐树旁边那家", "我们村东头，老槐树旁边那家"),
        ("杭州 西湖区 文三路8号", "杭州 西湖区 文三路8号"),
        ("写意花园3栋2单元", "写意花园3栋2单元"), ("填海路5号", "填海路5号"), ("他山花园，3栋，501", "他山花园，3栋，501"),
        ("我单位宿舍，3栋", "我单位宿舍，3栋"), ("我们单位，3楼", "我们单位，3楼"), ("我司，软件园3栋", "我司，软件园3栋"),
        ("你家营业厅旁边，3号", "你家营业厅旁边，3号"), ("坝上村，2组，坏水沟旁边", "坝上村，2组，坏水沟旁边"),
        ("幸福路5号，我妈家楼下小卖部旁边", "幸福路5号，我妈家楼下小卖部旁边"), ("拉萨市城关区，嘛呢路3号", "拉萨市城关区，嘛呢路3号"),
        ("住友大厦3楼", "住友大厦3楼"), ("在水一方5栋", "在水一方5栋"), ("说法胡同8号", "说法胡同8号"),
    ],
)  # fmt: skip
def test_talk_around_a_place_is_none_of_it(text: str, said: str) -> None:
    assert place_said(text) == said


@pytest.mark.parametrize("text", ["我只有手机坏 没有座机", "座机没坏，不要登", "座机打不通", "井盖坏了"])
def test_what_is_said_of_a_line_is_no_place(text: str) -> None:
    assert not is_place(text)


def test_what_is_told_of_a_place_before_stays_before_it() -> None:
    assert joined("渝中区", "解放碑八一路3号") == "渝中区解放碑八一路3号"
    assert joined("渝中区", "南岸区南坪万寿路6号") == "南岸区南坪万寿路6号"
    assert joined("写南川区隆化街道5号", "南川区隆化街道5号", anew=True) == "南川区隆化街道5号"
    assert joined("江北区观音桥步行街3号楼2单元", "3号楼", anew=True) == "江北区观音桥步行街3号楼2单元"


def test_a_place_told_again_by_itself_takes_the_place_of_what_was_taken_for_it() -> None:
    intake = confirming(address="改一下 沙坪坝区陈家桥桥北苑")
    advance(intake, heard("沙坪坝区陈家桥桥北苑"), TABLES)

    assert intake.facts["address"] == "沙坪坝区陈家桥桥北苑"


def test_a_region_by_its_bare_name_is_kept_for_the_place() -> None:
    intake = start()
    advance(intake, read("江津的嘛", "unclear"), TABLES)
    advance(intake, heard("白沙镇东华街5号"), TABLES)

    assert intake.facts["address"] == "江津白沙镇东华街5号"


@pytest.mark.parametrize("said", ["没得", "随便", "你们查", "等一下", "快点", "不晓得"])
def test_what_is_no_region_is_kept_for_nothing(said: str) -> None:
    intake = start()
    advance(intake, read(said, "unclear"), TABLES)
    advance(intake, heard("白沙镇东华街5号"), TABLES)

    assert intake.facts["address"] == "白沙镇东华街5号"


def test_the_last_words_are_taken_away_where_that_is_wanted() -> None:
    intake = confirming(address="莲花路58号 家里的座机")
    advance(intake, read("后面那几个字去掉", "unclear"), TABLES)

    assert intake.facts["address"] == "莲花路58号"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("还是那个地址 电话也一样", "姑苏区平江花园8栋1203"), ("同上", "姑苏区平江花园8栋1203"),
        ("同一个小区5号楼201", "姑苏区平江花园5号楼201"), ("地址没变", "姑苏区平江花园8栋1203"), ("另一个地方", ""), ("不是原来的地址，搬家了", ""), ("原来的地址不住了", ""),
        ("你们上次那个地址写错了", ""), ("隔壁那个小区", ""), ("我妈那个小区", ""), ("地址一样吗", ""), ("上次的地址不对，现在是幸福路5号", ""), ("新的那个小区3栋", ""),
    ],
)  # fmt: skip
def test_the_place_of_the_ticket_before_can_be_pointed_at(said: str, place: str) -> None:
    assert same_place(said, "姑苏区平江花园8栋1203") == place
    assert same_place(said, "") == ""


def test_who_points_at_the_earlier_place_is_not_asked_again() -> None:
    intake = start(facts={"phone_number": PHONE})
    intake.earlier_place = "姑苏区平江花园8栋1203"
    turn = advance(intake, read("还是那个地址", "unclear"), TABLES)

    assert (intake.facts["address"], turn.ask) == ("姑苏区平江花园8栋1203", "confirmation")


def test_a_way_out_is_no_wish_to_hurry() -> None:
    intake = start("report_hazard", "井盖没了")
    advance(intake, heard("合肥包河区 望湖城桂香居东门出来右手边"), TABLES)

    assert intake.facts["address"] == "合肥包河区 望湖城桂香居东门出来右手边"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("鼓楼区，那个，老粮食局家属院", "鼓楼区 老粮食局家属院"),
        ("岳麓区橘子洲那边，哎呀烦死了，左家垅的老邮电宿舍", "岳麓区橘子洲那边 左家垅的老邮电宿舍"),
        ("写武侯区红牌楼街道佳灵路20号", "武侯区红牌楼街道佳灵路20号"),
        ("我喺天河區石牌村", "天河區石牌村"),
    ],
)  # fmt: skip
def test_a_place_in_parts_is_taken_whole(said: str, place: str) -> None:
    intake = start()
    advance(intake, heard(said), TABLES)

    assert str(intake.facts["address"]).endswith(place)
    assert "烦" not in str(intake.facts["address"])


def test_a_village_does_not_take_the_place_of_its_county() -> None:
    assert joined("沈丘县付井镇那个", "王楼村") == "沈丘县付井镇王楼村"
    assert joined("岳麓区橘子洲", "芙蓉区左家垅") == "芙蓉区左家垅"


@pytest.mark.parametrize("said", ["是15号楼，不是5号楼", "门牌改成15号楼", "楼号错了，是15号楼，不是5号楼"])
def test_a_house_is_put_right_before_the_read_back_too(said: str) -> None:
    intake = start(address="历城区华山街道5号楼")
    turn = advance(intake, read(said, "unclear"), TABLES)

    assert (intake.facts["address"], turn.ask) == ("历城区华山街道15号楼", "phone_number")


def test_a_yes_before_a_place_is_none_of_it() -> None:
    intake = confirming(address="幸福小区3栋楼下")
    advance(intake, heard("确认。地址是秀英区海秀镇那个幸福小区"), TABLES)

    assert "确认" not in str(intake.facts["address"])


def test_a_long_story_is_no_place() -> None:
    intake = start("report_hazard", "井盖没了")
    story = "就我家门口那个人行道上的井盖没了，有个大洞，前几天晚上有人骑车经过的时候差点就掉下去了太吓人了"
    advance(intake, read(story, "report_hazard"), TABLES)

    assert "address" not in intake.facts


@pytest.mark.parametrize(
    ("known", "said", "place"),
    [
        ("城关区", "幸福小区3号楼", "城关区幸福小区3号楼"), ("城关区", "光明市场5号", "城关区光明市场5号"),
        ("城关区幸福小区3号楼", "2单元501", "城关区幸福小区3号楼 2单元501"), ("城关区幸福小区3号楼", "5号楼", "城关区幸福小区5号楼"),
        ("城关区幸福小区3号楼", "幸福路88号", "城关区幸福路88号"),
    ],
)  # fmt: skip
def test_a_part_goes_where_it_belongs(known: str, said: str, place: str) -> None:
    assert joined(known, said) == place


@pytest.mark.parametrize("said", ["小区名漏了", "门口的灯漏了", "那个路口没写上", "是3号，不是2号断的"])
def test_what_is_no_part_of_the_place_stays_out_of_it(said: str) -> None:
    intake = start(address="城关区幸福路18号")
    advance(intake, read(said, "unclear"), TABLES)

    assert intake.facts["address"] == "城关区幸福路18号"


@pytest.mark.parametrize("said", ["地址漏了2单元501", "地址少了2单元501", "地址还有2单元501"])
def test_what_was_left_out_is_put_behind(said: str) -> None:
    intake = confirming(address="城关区幸福小区3号楼")
    advance(intake, heard(said), TABLES)

    assert intake.facts["address"] == "城关区幸福小区3号楼 2单元501"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("城关区，幸福小区，3号楼，138****0099", "城关区 幸福小区 3号楼"), ("城关区，幸福小区，就3号楼", "城关区 幸福小区 3号楼"),
        ("城关区，幸福小区，3号楼，密码是123456", "城关区 幸福小区 3号楼"), ("吴中区，木渎镇，4栋，403，晚上在家", "吴中区 木渎镇 4栋 403"),
    ],
)  # fmt: skip
def test_only_the_parts_of_a_place_are_kept(said: str, place: str) -> None:
    assert place_in_parts(said) == place
