"""Chapter 4.4: what lists and notices show of a customer's words leads to no door and no number."""

from __future__ import annotations

import pytest

from bot.handbook.shown_text import mask_for_lists

PHONE = "138" + "0000" + "0099"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("幸福小区3号楼2单元501断网了", "幸福小区***断网了"),
        ("三号楼二单元501室没信号", "***没信号"),
        (f"家在城关区中山路88号A座1203室，电话{PHONE}", "家在城关区中山路***，电话138****0099"),
        ("银滩花园12-3-501宽带不通", "银滩花园***宽带不通"),
        ("住在阳光家园5栋1单元302，我妈住幸福村12号", "住在阳光家园***，我妈住幸福村***"),
    ],
)
def test_the_door_is_hidden_and_the_place_stays(said: str, shown: str) -> None:
    assert shown == mask_for_lists(said)


@pytest.mark.parametrize(
    "said",
    [
        "幸福小区断网了，100兆的宽带",
        "群障：城关区幸福小区宽带中断",
        "3号那天充了100元，10号还是停机",
        "工单T20260302-000001已超时，请在3小时内处理",
    ],
)
def test_what_names_no_door_stays_as_it_was(said: str) -> None:
    assert said == mask_for_lists(said)


# No finder takes these for an address: the form of a door, or the words before it, tell.
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        # rooms and buildings without a place
        ("师傅直接来3单元502就行", "师傅直接来***就行"),
        ("12栋301没网，光猫红灯", "***没网，光猫红灯"),
        ("10#301的宽带掉线", "***的宽带掉线"),
        ("麻烦到A座1203修一下", "麻烦到***修一下"),
        ("502室没网，急", "***没网，急"),
        ("1203房间的电视花屏", "***的电视花屏"),
        ("2-1-502断网三天了", "***断网三天了"),
        ("就是黄色那栋楼402", "就是黄色那栋楼***"),
        ("门牌号是37号的那家", "门牌***的那家"),
        # village groups, rows and houses
        ("小河村3组的信号不好", "小河村***的信号不好"),
        ("住小河村3组17号，固话不通", "住小河村***，固话不通"),
        ("李家沟村四社没网", "李家沟村***没网"),
        ("牧场三队断网", "牧场***断网"),
        ("建设新村7排12号宽带不通", "建设新村***宽带不通"),
        ("向阳屯18号信号差", "向阳屯***信号差"),
        ("东风街甲12号没信号", "东风街***没信号"),
        ("张庄村东头第三家，杆子倒了", "张庄村东头***，杆子倒了"),
        # what is said to be an address: a beginning, or the place that is named, stays
        ("安装地址是河西老厂家属院对面，宽带断了", "安装地址是河西老厂***，宽带断了"),
        (f"地址是河西老厂家属院西门电话{PHONE}", "地址是河西老厂***电话138****0099"),
        ("地址:和平里西街口小卖部楼上", "地址:和平里西街***"),
        ("地址是城关区中山路附近的老粮站后面", "地址是城关区中山路***"),
        ("我家住址在北门外水塔旁边第二家没网", "我家住址在北门***没网"),
        ("住在老粮站后面的红砖楼里断网了", "住在老粮站后***断网了"),
        ("地址是A座1203，没网", "地址是***，没网"),
        ("家住城关区中山东路88号2单元301，断网", "家住城关区中山东路***，断网"),
    ],
)
def test_what_is_a_door_by_its_form_is_hidden(said: str, shown: str) -> None:
    assert shown == mask_for_lists(said)
    assert shown == mask_for_lists(shown)


@pytest.mark.parametrize(
    "said",
    [
        # what is wrong with an address, and other addresses
        "地址不对，帮我改一下",
        "安装地址：见工单",
        "地址是之前登记的那个，没有变",
        "住址变更要带什么证件",
        "地址是对的但是一直没人来修",
        "IP地址是自动获取的还是手动填写的",
        "IP地址：192.168.1.1打不开",
        "邮箱地址是公司统一分配的那种，收不到账单",
        "地址栏输入什么都打不开网页",
        # where somebody lives, as far as it tells of the fault only
        "住在农村信号不好，打电话老断",
        "住在这个小区的都没网",
        "家住顶楼手机没有信号",
        "整个12栋都断网了",
        "2单元整个单元都没网",
        "3楼信号不好，2楼正常",
        "一个房间有1203兆，另一个房间没有信号",
        # numbers of other things
        "502错误，网页打不开",
        "10号那天充了100元，18号还是停机",
        "线路18号断了，19号又好了",
        "我们村18号停电以后就没网",
        "1-2天就断一次，每次3-5分钟",
        "按1#键转人工，拨*100#也不行",
        "2026-03-12报修，12:30-14:00不在家",
        "维修队3组来过两次没修好",
        "村三组织的活动断网了",
        "第三家运营商都有信号，就这边第二家营业厅说没有",
        "楼500兆的宽带只有200多兆",
        "1203频道花屏，套餐501分钟用完了",
    ],
)
def test_what_only_looks_like_a_door_stays(said: str) -> None:
    assert said == mask_for_lists(said)
