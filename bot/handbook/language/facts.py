"""Fact rules, 事实比对类规则: a reply that contradicts the ticket, the operator or the law.

Each function stays silent where the fact it needs is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.handbook.language.case import Case
from bot.handbook.language.deadline_facts import DONE, deadline_kept
from bot.handbook.language.kinds import Brand, Hit, Match, Materials, Structural
from bot.handbook.language.numerals import NUMERAL, read_numeral
from bot.handbook.language.text import Reply, normalise

_NUMBER = re.compile(
    # The look-behind comes after the first digit, so that the search can skip to digits at once.
    r"\d(?<![\d.*#a-z:-]\d)(?:(?<=[48])00[- ]?\d{3,4}[- ]?\d{3,4}|\d{2}(?!\d)|\d{4,5})"
    r"(?![\d*#:-]|\.\d)"
)
_THREE_DIGITS = re.compile(r"\d\d\d")
_CALLED = re.compile(
    r"拨打|致电|拨|打|来电|电话|热线|客服|呼叫|咨询|联系|回拨|(?:发送|短信|编辑)[^。!?;,\n]{0,14}(?:至|到)|发(?:至|到)"
)
_CALLED_AFTER = re.compile(
    r"^\)? ?(?:客服|人工|热线|申诉|举报|服务热线|电话|报警|平台|咨询|反诈|转人工|提出|反映|投诉)"
)
_NOT_A_CALL = re.compile(
    r"(?:工单|单号|编号|验证码|尾号|密码|工号|短号|口令|积分|号段|开头|楼|室|错误码?|代码|端口)[^。!?;,\n]{0,5}$"
)
_NAMED_AGAIN = re.compile(r" ?(?:也就是|就是|即)(?:说)?[ :]?")
_UNIT = re.compile(
    r"^ ?(?:元|块|人(?!工)|m|g|k|兆|积分|分|条|次|年|月|日|天|小时|秒|位|个|户|米|%|路|栋|号(?:楼|院|线)|开头|错误|报错)"
)
_FOR_EMERGENCIES = ("110", "96110")
_THREE = ("110", "119", "120", "122")

_URL = re.compile(
    r"(?<![@a-z0-9_./-])(?:(?P<scheme>h(?:tt|xx)ps?):/?/)?(?P<host>(?:[a-z0-9-]+(?:\.|\[\.\]))+"
    r"(?:com|cn|net|org|top|xyz|vip|cc|club|site|shop|info|link|me|io|co|tv|wang|ltd|ink|work|live|pro|icu|tk|ly|gl"
    r"|ru|us|to|hk|tw|online|store|fun|win|bid|app|biz|art|cloud|plus|im|mk|mobi|pw|la|ws|gd|asia)(?![a-z0-9-])"
    r"|\d{1,3}(?:\.\d{1,3}){3})(?P<rest>[:/][^\s\u4e00-\u9fff,。]*)?"
)
_PRIVATE = re.compile(r"(?:192\.168|10|127|172\.(?:1[6-9]|2\d|3[01]))\.")
# What a customer's own address ends in; said of a mailbox, it is no link.
_MAIL_HOSTS = {"163.com", "126.com", "qq.com", "sina.com", "foxmail.com", "outlook.com"}
_ENTER = re.compile(r"登录|登陆|访问|打开|点击|点|进入|网址|链接|浏览器")


def _brands_of(case: Case, brands: Mapping[str, Brand]) -> list[Brand]:
    """Give the operator of a case and what holds for all; every operator if it isn't known."""
    said = str(case.facts.get("brand") or "").lower()
    own = [
        brand
        for name, brand in brands.items()
        if name != "common"
        and said
        and (
            said == name
            or any(t == said or t in said for t in brand.titles if len(t) > 2 or t == said)
            or any(said in t for t in brand.titles if not said.isascii())
            or said in brand.numbers
        )
    ]
    if not own:
        return list(brands.values())
    return [*own[:1], *(brand for name, brand in brands.items() if name == "common")]


def official_numbers(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to a number to call that is not official, not ours, or for something else."""
    purposes = [
        (materials.compile(source), frozenset(numbers))
        for source, numbers in params.get("purposes", {}).items()
    ]
    special = frozenset().union(*(numbers for _, numbers in purposes)) if purposes else frozenset()
    never_called = frozenset(params.get("never_called", ()))
    porting = materials.compile(params["porting"]) if "porting" in params else None
    porting_only = frozenset(params.get("porting_only", ()))

    def fits(number: str, text: str, clause: tuple[int, int], sentence: tuple[int, int]) -> bool:
        """Tell whether a number is for what its clause names, else for what its sentence names."""
        for stretch in (clause, sentence):
            named = [numbers for purpose, numbers in purposes if purpose.search(text, *stretch)]
            if named:
                return any(number in numbers for numbers in named)
            if number in _FOR_EMERGENCIES or (number == "12300" and text.find("申诉", *stretch) >= 0):
                return True
        return True

    def reason(number: str, reply: Reply, case: Case, span: tuple[int, int]) -> str:
        known = {each for brand in _brands_of(case, materials.brands) for each in brand.numbers}
        if number not in known:
            others = [b for b in materials.brands.values() if number in b.numbers]
            return f"{number}是{others[0].titles[0]}的号码" if others else f"{number}不是官方号码"
        if number in never_called:
            return f"{number}只发送短信，不受理来电"
        is_porting = case.context == "porting" or (porting and porting.search(reply.text))
        if number in porting_only and not is_porting:
            return f"{number}仅用于携号转网短信"
        clause, sentence = reply.clause(*span), reply.sentence(*span)
        if number in special and not fits(number, reply.text, clause, sentence):
            return f"{number}不受理此类事项"
        return ""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        if not _THREE_DIGITS.search(reply.text):
            return
        for found in _NUMBER.finditer(reply.text):
            if _is_called(reply, found.start(), found.end()):
                why = reason(re.sub(r"[- ]", "", found[0]), reply, case, found.span())
                if why:
                    yield Hit(*found.span(), detail=why)

    return match


def _is_called(reply: Reply, start: int, end: int) -> bool:
    """Tell a telephone number from other digits by the words around it."""
    left, _ = reply.clause(start, end)
    before, after = reply.text[max(left, start - 24) : start], reply.text[end : end + 8]
    if _NAMED_AGAIN.fullmatch(before):  # 拨一万号, 也就是10000
        before = reply.text[max(0, left - 24) : start]
    number = reply.text[start:end]
    if _NOT_A_CALL.search(before) or _UNIT.search(after):
        return False
    if len(number) == 3 and number not in _THREE:
        return False
    return bool(_CALLED.search(before) or _CALLED_AFTER.search(after))


def official_links(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to an address on the web that is not the operator's."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        allowed = {d for brand in _brands_of(case, materials.brands) for d in brand.domains}
        for found in _URL.finditer(reply.text):
            host = found["host"].replace("[.]", ".")
            # An address that was made unclickable is shown as a warning.
            if (found["scheme"] or "").startswith("hxx") or "[.]" in found["host"]:
                continue
            if not _is_allowed(host, found, reply, allowed):
                yield Hit(*found.span(), detail=host)

    return match


def _is_allowed(host: str, found: re.Match[str], reply: Reply, allowed: set[str]) -> bool:
    if re.fullmatch(r"[\d.]+", host):
        left, _ = reply.clause(*found.span())
        linked = found["scheme"] or found["rest"] or _ENTER.search(reply.text, left, found.start())
        return bool(_PRIVATE.match(host)) or not linked
    if host in _MAIL_HOSTS and not found["scheme"] and not found["rest"]:
        left, _ = reply.clause(*found.span())
        if "邮箱" in reply.text[left : found.start()]:
            return True
    return any(host == domain or host.endswith("." + domain) for domain in allowed)


_TICKET = re.compile(
    r"(?:工单|受理|投诉|报障|服务|登记|您的)?(?:单号|工单号|工单编号|受理编号|受理号|编号)(?:码)?(?:为|是|:| |,(?=[a-z]))*(?P<no>[a-z]{0,4}-?\d[a-z0-9-]{4,})"
    r"|(?:工|(?:装|移|拆)机|报修|维修|投诉|服务)单(?:为|是|:| )*(?P<no2>[a-z]{0,4}-?\d[a-z0-9-]{5,})"
)
_TICKET_END = re.compile(r"(?<!快递)(?<!运)(?<!物流)(?<!快递的)单号(?:的)?(?:后|尾|末)[四五六4-6]?[位号]?(?:数字)?(?:为|是|:| )*(?P<end>\d{4,6})(?!\d)")
_OLDER = re.compile(r"上个?月|去年|历史|之前|此前|上次|上一|原工单|原单|旧|前一|关联|另一|合并")
_OPEN = {"submitted", "accepted", "processing", "on_hold", "已申请", "已受理", "处理中", "挂起"}
_GONE = {"rejected", "withdrawn", "不予受理", "已撤单"}
_SAYS_DONE = re.compile(
    r"(?:已经|已)(?:为您|帮您|给您|全部|彻底)?(?:处理完成|处理完毕|处理好|修复|修好|恢复正常|恢复|解决|办结|办理完成|结案|归档|闭环)(?!方案)"
)
_SAYS_CLOSED = re.compile(r"(?:已经|已)(?:为您|帮您)?(?:结案|归档|闭环|关闭工单)|工单已关闭")
_SAYS_GONE = re.compile(r"(?:已经|已)(?:为您|帮您)?(?:撤单|撤销工单)|工单已(?:撤销|取消)")
_NOT_SAID = re.compile(
    r"是否|如|若|吗|\?|等|待|后|当|确认|之前|上次|此前|其他|部分|前期|陆续|还未|没有|尚未"
)


def ticket_facts(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to a ticket number, a state or a plan that is not the ticket's."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        yield from _wrong_ticket(reply, case)
        state = str(case.facts.get("state") or "")
        for claim, states, name in (
            (_SAYS_DONE, _OPEN | _GONE, "尚未办结"),
            (_SAYS_CLOSED, {"resolved", "confirmed", "已处理", "已回访"}, "尚未闭环"),
            (_SAYS_GONE, _OPEN | DONE, "并未撤单"),
        ):
            if state in states:
                for found in claim.finditer(reply.text):
                    left, right = reply.clause(*found.span())
                    after = min(right + 1, len(reply.text))
                    if not _NOT_SAID.search(reply.text, left, found.start()) and not (
                        _NOT_SAID.match(reply.text, found.end(), after)
                    ):
                        yield Hit(*found.span(), detail=f"工单当前状态{name}")

    return match


def _bare(number: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(number or "").lower())


def _wrong_ticket(reply: Reply, case: Case) -> Iterator[Hit]:
    own = _bare(case.facts.get("ticket_number"))
    if not own:
        return
    others = case.facts.get("own_tickets")  # of the same customer; one reply may speak of several
    known = {own, *(map(_bare, others) if isinstance(others, (list, tuple)) else ())}
    for found in _TICKET.finditer(reply.text):
        name = "no" if found["no"] else "no2"
        said = _bare(found[name])
        left, _ = reply.clause(*found.span())
        if said not in known and not _OLDER.search(reply.text, left, found.end()):
            yield Hit(*found.span(name), detail=f"本工单号为{case.facts['ticket_number']}")
    for found in _TICKET_END.finditer(reply.text):
        left, _ = reply.clause(*found.span())
        if not any(each.endswith(found["end"]) for each in known) and not _OLDER.search(reply.text, left, found.end()):
            yield Hit(*found.span("end"), detail=f"本工单号为{case.facts['ticket_number']}")


_CITED = re.compile(rf"《(?P<law>[^》]{{2,30}})》[^。!?;,\n《]{{0,6}}?第(?P<no>{NUMERAL})条")


def laws_cited(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to an article that is not in the table, or not about what the sentence says."""
    laws = {
        law: {int(no): materials.compile(topic) for no, topic in articles.items()}
        for law, articles in params["laws"].items()
    }
    claims = [
        (materials.compile(entry["says"]), materials.compile(entry["right"]), entry["fact"])
        for entry in params.get("claims", ())
    ]
    # Hardly any reply says what the law is: one of these words stands in every claim.
    words = tuple(normalise(word) for word in params.get("when", ()))

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        for found in _CITED.finditer(reply.text):
            articles = next((laws[law] for law in laws if found["law"].endswith(law)), {})
            number = int(min(read_numeral(found["no"]) or 0, 9999))
            left, right = reply.sentence(*found.span())
            topic = articles.get(number)
            if topic is None or not topic.search(reply.text, left, right):
                yield Hit(*found.span(), detail=f"《{found['law']}》第{number}条")
        if words and not any(word in reply.text for word in words):
            return
        for says, right_form, fact in claims:
            for found in says.finditer(reply.text):
                if not right_form.search(found[0]):
                    yield Hit(*found.span(), detail=fact)

    return match


_TITLED = re.compile(
    r"(?:^|(?<=[。!?;,\n 的])|(?<=您好)|(?<=你好)|尊敬的)(?P<name>[\u4e00-\u9fff]{0,3}?)(?P<title>先生|女士|小姐|太太)"
)
_NO_NAME = (
    "尊敬的",
    "这位",
    "各位",
    "贵",
    "您好",
    "请问",
    "好的",
    "那位",
    "感谢",
    "请",
    "抱歉",
    "位",
)
_SEX = {"male": "先生", "男": "先生", "m": "先生", "先生": "先生",
        "female": "女士", "女": "女士", "f": "女士", "女士": "女士"}  # fmt: skip


def title_and_name(params: Mapping[str, Any], materials: Materials) -> Match:
    """Object to a title or surname that is not the customer's."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        facts = case.facts
        sex = _SEX.get(str(facts.get("gender") or facts.get("title") or "").lower())
        surname = str(facts.get("surname") or facts.get("customer_name") or "")
        for found in _TITLED.finditer(reply.text):
            right = "女士" if found["title"] in {"小姐", "太太"} else found["title"]
            if sex and right != sex:
                yield Hit(*found.span("title"), detail=f"应称{sex}")
            name = found["name"].removeprefix("您好").removeprefix("你好")
            known = name and not any(word in name or name in word for word in _NO_NAME)
            if surname and known and not surname.startswith(name) and name[0] != surname[0]:
                yield Hit(
                    found.end("name") - len(name), found.end("name"), detail=f"客户姓{surname[0]}"
                )

    return match


FUNCTIONS: dict[str, Structural] = {
    "deadline_kept": deadline_kept,
    "official_numbers": Structural(
        official_numbers, optional=("purposes", "never_called", "porting", "porting_only")
    ),
    "official_links": Structural(official_links),
    "ticket_facts": Structural(ticket_facts),
    "laws_cited": Structural(laws_cited, ("laws",), ("claims", "when")),
    "title_and_name": Structural(title_and_name),
}
