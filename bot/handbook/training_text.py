"""Clause 4.4: what of a customer's words trainers may see and a model may learn (语料脱敏).

Numbers are masked as everywhere; places, accounts and names are replaced by 某…, so that the
sentence still reads like one.
"""

from __future__ import annotations

import re

from bot.handbook.facts import Fact, find_facts
from bot.handbook.privacy import find_secrets, mask

_NAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜谢邹苏潘葛范彭鲁韦马苗方俞任袁柳"
    "鲍史唐费廉薛雷贺倪汤罗毕郝安常乐于时傅齐康伍余顾孟黄穆萧尹姚邵汪毛狄米贝戴宋庞熊纪舒屈项祝董梁杜"
    "阮蓝季贾路江童颜郭梅林钟徐邱骆高夏蔡田樊胡凌霍万柯卢莫房丁邓洪包石崔吉龚程邢裴陆翁段侯龙叶黎白"
)
_NAME = re.compile(rf"((?:我叫|我是|我姓名|姓名|名字叫|机主叫|机主是|名叫)(?:是|为|:|：)?\s?)([{_NAMES}][\u4e00-\u9fff]{{1,2}})(?=[，,。.、；;\s的和我\d]|$)")
_LONG_NUMBER = re.compile(r"(?<![\d*])\d{7,}(?![\d*])|(?<![A-Za-z0-9])[A-Za-z]{1,6}\d{6,}(?!\d)")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# The finder of addresses takes 退到原路 too: where somebody lives has a house number, two places
# one inside the other, or the name of an estate.
_HOUSE = re.compile(r"[\d一二三四五六七八九十]+(?:号楼|号院|号|栋|幢|座|单元|室)")
_PLACE = re.compile(r"省|自治区|市|区|县|镇|乡|街道|大道|大街|路|街|巷|弄|村|屯|庄|湾|小区|花园")
_ESTATE = re.compile(r"[\u4e00-\u9fff]{2,}(?:小区|花园|花苑|家园|新村|公寓|嘉园|名苑|雅苑|胡同|庄园)$")
_PLACES = {"address": "某小区", "broadband_account": "某账号", "ticket_number": "某工单"}


def _is_personal(fact: Fact) -> bool:
    if fact.name not in _PLACES or "某" in fact.value:
        return False
    if fact.name != "address":
        return True
    place, house = _PLACE.findall(fact.value), _HOUSE.search(fact.value)
    return bool((place and house) or len(place) >= 3 or _ESTATE.search(fact.value))


def for_training(text: str) -> str:
    """Return the text with every number, place, account and name of a person taken out."""
    plain = _MAIL.sub("某邮箱", " ".join(mask(text).split()))
    plain = _NAME.sub(lambda m: f"{m[1]}某某", plain)
    for fact in reversed(find_facts(plain)):
        if _is_personal(fact):
            plain = plain[: fact.start] + _PLACES[fact.name] + plain[fact.end :]
    return _LONG_NUMBER.sub(lambda m: m[0][:3] + "*" * (len(m[0]) - 3), plain)


def personal_parts(text: str) -> list[str]:
    """Name the kinds of personal data that a text still holds; empty when it may be learnt."""
    found = [secret.kind for secret in find_secrets(text)]
    found += [fact.name for fact in find_facts(text) if _is_personal(fact)]
    if _NAME.search(text):
        found.append("name")
    if _MAIL.search(text):
        found.append("mail")
    if _LONG_NUMBER.search(text):
        found.append("number")
    return sorted(set(found))
