"""Chapter 3.1: what a message is about by its words alone (话题): a subject, a line, what it costs.

宽带 alone is a subject and no wish: the customer is shown what can be done with it. Figures:
`data/handbook/choices.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bot.handbook.tables import TABLES, Row, load_handbook, read_table, unique

_LINES = (
    ("fault_enterprise", r"专线|企业(?:网|宽带)"),
    ("fault_tv", r"电视|机顶盒|iptv|遥控器"),
    ("fault_landline", r"座机|固话|固定电话"),
    ("fault_broadband", r"宽带|光猫|wifi|路由|网线|(?:家|屋|店)(?:里|头)?的?(?:那个)?网|装的?网"),
    ("fault_mobile", r"手机|信号|流量|4g|5g"),
)
# 就是那个那个我家那个… names nothing yet.
_BEFORE = r"[那这个就是嗯呃额啊喂你您好我们俺咱家的想要需问说一下，,… ]*"
_AFTER = r"(?:一下|吧|啊|呀|呢)?[。.!！~\s]*"
_FEE = re.compile(
    r"(?:那个?|这个?|请问|等一?下|移机|过户|补卡|换卡|装机|开通|我?还?(?:想|要)?(?:再|先)?问(?:一)?(?:下|问|声)?|对了|办这个|师傅|你们|他们|上门|来(?:一趟|修)?|修(?:一次|好)?|维修"
    r"|大概|会|还|需要|需不需要|要不要|[,，\s])*(?:要|得|收)?(?:收费|要钱|收钱|花钱|付费|多少钱|啥价|贵)(?:吗|不|么|呢|啊|呀|伐)*[?？。]*"
)


LONGEST_FEE = 60
_FEE_TOO = re.compile(
    r"(?:收不收|要不要|用不用|需不需要|会不会|是不是要|得不得)[^，,。]{0,5}(?:钱|费)|(?:收|要|花|付|给)(?:费|钱)[^，,。]{0,2}[吗么不呢?？]"
    r"|(?:多少|几块?)(?:手续费|工本费|上门费)|(?:手续费|工本费|上门费)[^，,。]{0,4}(?:[吗么?？]|多少)"
    r"|(?:(?:安装|装机|上门|修(?!改)|移机|过户|补卡|办理)[^，,。]{0,6}|[一每][次趟回][^，,。]{0,3})(?:多少钱|什么价)|(?:告诉我|先说)(?:要|一下)?(?:多少钱|价格)|^(?:那|要|到底|得|这个|一共|大概)*(?:多少钱|啥价)|先说价格|怎么收费|(?:^|[，,。？?\s])多少钱|多少钱(?:一|每)|贵不贵|免费[^，,。]{0,3}(?:不|吗|么|嘛)|need to pay|how much|收钱不"
)
# Sichuan and Cantonese for 多少钱; 收了我好多钱 is a lot of money, and no question.
_HOW_MUCH = re.compile(r"(?:(?<![了我过着的])好多|几多|幾多|幾|(?<![没有好])几)(?:块|塊)?[钱錢]")
_OTHER_MONEY = re.compile(r"套餐|流量|话费|账单|月租|扣|充|退|违约|欠|赔|骗|押金|会员")


@dataclass(frozen=True)
class Subject:
    """Hold one subject: how it is named, the question, and the types it may be about."""

    id: str
    pattern: re.Pattern[str]
    ask: str
    offers: tuple[str, ...]


@lru_cache(maxsize=4)
def load_subjects(directory: Path | None = None) -> tuple[Subject, ...]:
    """Read `choices.yml`; raise `TableError` where it cannot be used."""
    table, _ = read_table((directory or TABLES) / "choices.yml")
    known = [name for name, each in load_handbook().types.items() if each.kind.is_request]
    subjects = tuple(_subject(row, known) for row in unique(table.rows("subjects")))
    table.end()
    return subjects


def _subject(row: Row, known: list[str]) -> Subject:
    try:
        pattern = re.compile(f"{_BEFORE}(?:{row.text('words')}){_AFTER}")
    except re.error as error:
        raise row.fail("words", f"a regular expression ({error})") from error
    offers = tuple(row.texts("offers", allowed=known, least=2))
    subject = Subject(row.text("id"), pattern, row.text("ask"), offers)
    row.end()
    return subject


def subject_of(text: str, subjects: Iterable[Subject]) -> Subject | None:
    """Return the subject that the whole message names, if it names one and nothing more."""
    said = text.strip()
    return next((each for each in subjects if each.pattern.fullmatch(said)), None)


def asks_fee(text: str) -> bool:
    """Tell whether the whole message asks what it costs, and nothing more."""
    return len(text) <= LONGEST_FEE and bool(_FEE.fullmatch(_HOW_MUCH.sub("多少钱", text.strip())))


def asks_fee_too(text: str) -> bool:
    """Tell whether a message asks, among other things, what the service costs: 几个人来啊 要不要收钱."""
    return bool(_FEE_TOO.search(_HOW_MUCH.sub("多少钱", text))) and not _OTHER_MONEY.search(text)


def line_named(text: str) -> str | None:
    """Return the type of fault on the one line that the words name; None if none or several."""
    found = [name for name, words in _LINES if re.search(words, text.lower())]
    if found[1:] == ["fault_mobile"] and "手机" not in text:
        found.pop()
    return found[0] if len(found) == 1 else None
