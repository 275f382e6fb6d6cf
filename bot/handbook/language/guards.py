"""Guards, 全局豁免: situations in which a hit does not count (quotation, negation, safety advice)."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.handbook.language.text import Reply

# Words that contain a negator and do not negate are eaten first, so that only true ones remain.
_NEGATION = re.compile(
    r"不好意思|不但|不仅|不过|不管|不论|不错|不同|不断|不久|不少|不得不|不能不|不会不|不是不"
    r"|没有不|无不|差不多|是不是|能不能|会不会|有没有|要不要|可不可以|好不好|要不|不然|不妨|没问题"
    r"|特别|分别|别人|级别|类别|区别|个别|性别|识别|别的|无论|无线|无忧|未来|非常|除非|莫名"
    r"|(?P<no>不|没|别|勿|非|无|未|莫|禁止|避免|杜绝|拒绝|切忌|谨防|严禁)"
)
_TURN = re.compile(r"但是|但|而是|却|可是|就是")
_SAFETY = re.compile(
    r"请勿|勿|切勿|切忌|切莫|(?<!分钱)(?<!要)不要(?!钱)|不可(?!能|以|思议|避免|抗|或缺|[,。!?;\n]|$)|不得(?!不|已|了)|谨防|警惕|防范|严防|小心|任何人|绝不会(?=[^。!?;\n]{0,8}(?:要求|让您|向您|索|以任何|通过|问您|主动|电话))|不会(?:以任何|向您|要求|索要|让您|通过)"
    r"|从不|任何(?:单位|名义|理由|形式|情况)|都是诈骗|是诈骗|均为诈骗|骗局|冒充|假冒|骗子|凡是|凡要求"
    r"|别(?:告诉|转|点|下载|相信|信|发|给|理)"
)
_QUESTION = re.compile(
    r"[吗么呢]?\?|[吗么](?=$|[。!?;,\n])|是否|能否|可否|是不是|能不能|有没有|要不要"
)


def in_quotation(reply: Reply, start: int, end: int) -> bool:
    """Tell (G1) whether the words are quoted, or reported as the customer's or a third party's."""
    return reply.is_quoted(start, end)


def is_negated(reply: Reply, start: int, end: int) -> bool:
    """Tell (G2) whether the clause denies the hit, with no 但 or 而是 between them."""
    left, _ = reply.clause(start, end)
    last = -1
    for match in _NEGATION.finditer(reply.text, left, start):
        if match["no"]:
            last = match.end()
    return last >= 0 and not _TURN.search(reply.text, last, start)


def is_safety_advice(reply: Reply, start: int, end: int) -> bool:
    """Tell (G4) whether the sentence warns the customer instead of asking something."""
    left, right = reply.sentence(start, end)
    return _SAFETY.search(reply.text, left, right) is not None


def is_question(reply: Reply, start: int, end: int) -> bool:
    """Tell whether the clause asks something."""
    left, right = reply.clause(start, end)
    return _QUESTION.search(reply.text, left, min(right + 1, len(reply.text))) is not None


Guard = Callable[[Reply, int, int], bool]
GUARDS: dict[str, Guard] = {
    "quote": in_quotation,
    "negated": is_negated,
    "safety": is_safety_advice,
    "question": is_question,
}
