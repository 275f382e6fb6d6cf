"""Lines that tone and second opinion learn from, 语气语料: each fine, or of one family of bad ones.

Three sources: single sentences (`<family>.txt`), whole replies in which the bad part is marked
(`replies/*.tsv`: family, bad part, reply), and the examples of the rules with the fine replies
beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.handbook.errors import TableError
from bot.handbook.language.checker import TABLES, load_checker
from bot.handbook.language.kinds import LanguageRule
from bot.settings import ROOT

DATA = ROOT / "data" / "language" / "opinion"
FINE = "fine"
SENTENCE = re.compile(r"[^。！？!?；;\n]+")
_FINE_REPLIES = "fine_replies.txt"
TITLES = {
    "ACK": "否定情绪", "CPL": "投诉应对不当", "DIS": "歧视侮辱", "EXG": "夸大与强推",
    "FBD": "服务忌语", "FRD": "诈骗式话术", "GRT": "收尾失当", "JRG": "用语不专业", "PRM": "承诺越权",
    "PRV": "隐私", "RSP": "称呼不敬", "VAG": "含糊",
    "absolute_claim": "绝对化用语", "asks_secret": "索要密码", "blame_customer": "责怪客户",
    "block_escalation": "阻止投诉升级", "buck_passing": "推诿", "casual": "过于随便",
    "casual_tone": "过于随便", "command": "命令口气", "dare_complain": "激将投诉",
    "deny_human": "拒绝人工", "discrimination": "歧视", "dismissive": "轻视",
    "disparage_rival": "贬低同行", "exaggeration": "夸大", "flat_refusal": "生硬拒绝",
    "fraud_pattern": "诈骗式话术", "hard_sell": "强推", "impatience": "不耐烦", "insult": "辱骂",
    "internal_info": "内部信息", "interrogation": "质问", "intimate_address": "称呼过于亲昵",
    "jargon": "行话", "liability_admission": "擅自认责", "misleading_claim": "误导",
    "mixed_english": "夹杂英文", "must_tone": "强制口气", "negates_emotion": "否定情绪",
    "no_answer": "没有回答问题", "no_next_step": "没有下一步", "overpromise": "过度承诺",
    "porting_obstruction": "阻挠携转", "private_deal": "私下交易", "rating_and_goodbye": "收尾失当",
    "refusal_no_alternative": "拒绝而无出路", "refusal_unknown": "一推不知", "sarcasm": "讽刺",
    "soft_unknown": "一推不知", "third_party": "向他人透露信息",
    "third_party_disclosure": "向他人透露信息", "threat": "威胁", "unauthorized_comp": "擅自赔偿",
    "unilateral_decision": "擅自决定", "upsell_in_complaint": "投诉中推销", "vague": "含糊",
    "vague_amount": "金额含糊", "vague_answer": "含糊", "vague_time": "时间含糊",
    "you_not_nin": "称呼不敬",
}  # fmt: skip
# Bad ones of these families may be sent after a warning (catalogue, severity WARN) …
WARNED = frozenset({
    "CPL", "EXG", "FBD", "GRT", "RSP", "casual", "casual_tone", "internal_info",
    "intimate_address", "jargon", "liability_admission", "mixed_english",
    "must_tone", "negates_emotion", "no_answer", "no_next_step", "overpromise",
    "rating_and_goodbye", "refusal_no_alternative", "soft_unknown", "upsell_in_complaint", "vague",
    "vague_amount", "vague_answer", "vague_time", "you_not_nin",
})  # fmt: skip
# … and of these it depends on the sentence; all others are held back.
EITHER = frozenset({"hard_sell"})
_OF_RULES = 5.0  # an example of the tables is not to be talked out of by what resembles it
_SHORTEST = 4  # characters of a sentence that is learned by itself
# Form, facts and privacy have exact rules; tone and intent are what a model can add to.
_OF_TONE = re.compile(r"FBD|PRM|VAG|CPL|DIS|FRD|EXG|RSP|JRG|ACK-03|PRV-0[469]|GRT-0[67]")


@dataclass(frozen=True, slots=True)
class Line:
    """A text, its family, the reply it stands in (it is learned as one), and how much it counts."""

    text: str
    family: str
    reply: str
    counts: float = 1.0

    @property
    def grave(self) -> bool | None:
        """Tell whether it is held back, not only warned of; None if it is fine or may be either."""
        return None if self.family == FINE or self.family in EITHER else self.family not in WARNED


def read_lines(folder: Path = DATA, tables: Path | None = TABLES) -> list[Line]:
    """Read all lines, each once; raise `TableError` at a reply that is not in the form."""
    lines = [
        Line(text, path.stem, text)
        for path in sorted(folder.glob("*.txt"))
        for text in _texts(path)
    ]
    for path in sorted(folder.glob("replies/*.tsv")):
        for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            lines += _of_reply(row, path, number)
    if tables is not None:
        for rule in load_checker(tables, verify=False).rules:
            lines += _examples(rule)
        replies = (text.rpartition("\t")[2] for text in _texts(tables / _FINE_REPLIES))
        lines += [Line(text, FINE, text, _OF_RULES) for text in replies]
    lines.sort(key=lambda line: line.counts)  # of doubles, what counts most stays
    return list({(line.text, line.family): line for line in lines}.values())


def _texts(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _of_reply(row: str, path: Path, number: int) -> Iterator[Line]:
    """Yield the whole reply and, of several sentences, those of which is known what they are."""
    family, part, text, *more = [*row.split("\t"), "", ""]
    begin = text.find(part) if family != FINE else -1
    known = family == FINE or (family in TITLES and part and begin >= 0)
    if not known or not text or len(more) != 2 or (family == FINE and part):
        raise TableError(
            file=path, line=number, key=family,
            expected="three columns: family (of `TITLES`, or fine), the bad part as it stands in the"
            " reply (none if it is fine), reply",
        )  # fmt: skip
    yield Line(text, family, text)
    sentences = [each for each in SENTENCE.finditer(text) if len(each[0].strip()) >= _SHORTEST]
    for each in sentences if len(sentences) > 1 else ():
        # Beside a bad part, a sentence may be fine or not.
        if family == FINE or (each.start() < begin + len(part) and begin < each.end()):
            yield Line(each[0].strip(), family, text)


def _examples(rule: LanguageRule) -> Iterator[Line]:
    family = rule.group if rule.report == rule.id else rule.report
    counts = {level.value for level in rule.levels.values()} != {"suggest"}
    if rule.kind == "pattern" and counts and _OF_TONE.match(rule.id):
        yield from (Line(each.text, family, each.text, _OF_RULES) for each in rule.bad)
    yield from (Line(each.text, FINE, each.text, _OF_RULES) for each in rule.good)
