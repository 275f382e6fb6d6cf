"""What short words mean while a ticket is open (工单在办): a question after it, more of it, good news."""

from __future__ import annotations

import re
from datetime import timedelta

from actions.base import Turn
from actions.tickets import (
    SHORTEST_NO,
    WISHES,
    ask_supplement,
    note_visit_wish,
    supplement,
    tell,
    visit_wished,
)
from bot.desk.tickets import tickets_of
from bot.handbook.intake_asides import LONGEST_QUESTION
from bot.handbook.intake_numbers import changes_number, number_to_call, swapped, tail_mended
from bot.handbook.intake_parts import Say
from bot.handbook.intake_steps import HOW_WE_ANSWER, answer_beside, answer_to, asks, said_aside
from bot.handbook.intake_story import adds_to_ticket, found_again, withdraws_ticket
from bot.handbook.one_story import ALSO
from bot.handbook.requests import RequestKind
from bot.handbook.short_answers import gives_up, in_no_hurry, works_again
from bot.handbook.subjects import asks_fee, asks_fee_too, line_named
from bot.storage.tickets import Ticket

# Said with a ticket open, these words ask how it stands, whatever the model makes of them.
_ASKS_AFTER = re.compile(
    r"怎么样了|怎样了|什么情况了?$|咋样了|到哪|来不来|还(?:没|不)(?:有)?(?:人|个)?(?:来|修|好|弄|搞|整|联系|处理|动静|消息|信儿|音信|影)"
    r"|(?:没(?:有|得)?|莫得|冇)人(?:来|联系|管|理)|^人(?:呢|嘞|咧|哩)[?？!！]*$|(?:什么|啥|甚么)(?:时候|时间)(?:有人|才|会|可以)?(?:来|能|修|好|处理|弄|上门)|(?:几时|多会儿?|好久|哪天)(?:有人|才|能|会)?(?:来|嚟|修|整|好|弄|上门)|好了没|修好没|多久能|处理得|(?:几时|幾時|几点|什么时候|啥时候|多久)[^，,。]{0,4}(?:打|联系|回|覆|復)[^，,。]{0,3}(?:我|电话|電話)|(?:谁|哪个|有没有人)(?:会)?(?:来|接单|负责|处理)|现在(?:能|可以)来|(?:写|记|登|改|加)(?:上|对|好|进去)?了?(?:没有?|吗|么|不)[?？]?$|(?:几|多少|两)张单|单号是?(?:多少|好多|什么|啥|几)"
)
_SHORT = 24
_HURRIES = re.compile(r"(?:能不能|能否|可以|可不可以|麻烦|请)?.{0,2}(?:早|快)(?:一)?点|尽快|抓紧|赶紧")
_COMPENSATION = re.compile(r"赔(?:不赔|偿|钱|吗|多少|我)|谁(?:来)?赔|补偿|损失[^，,。]{0,4}(?:算|怎么)")
_PUTS_RIGHT = re.compile(r"^(?!.*(?:发票|账单|快递)).*(?:(?:金额|地址|门牌号?|楼号)[^，,。]{0,2}(?:改成|改为|应该是)|(?:地址|门牌号?|楼号)[^，,。]{0,2}(?:写错|错了|不对))")
_HURRY = r"^(?:我)?(?:就|只|先|是|要|想|再|帮我|给我)*催"
_HURRIES_ONE = re.compile(rf"{_HURRY}(?:一?下|那|这|T\d|单|办|$|[，,。！!\s])|{_HURRY}[^我命促续收债费缴款，,。]{{1,8}}(?:那[个张单]|的(?=$|[，,。])|单)")
# 报修三天了还没人来, 师傅动作也太慢了: how slowly it goes, which hurries the ticket. 投诉, what somebody did
# besides, and a second fault are matters of their own; 等两天再来 and 我也没弄过 complain of nothing.
_FOR_SO_LONG = r"(?:大?半|一?整|好几|几|\d+|[一二两俩三四五六七八九十]+)(?:来|多)?个?[多半]?(?:天|晚上|上午|下午|小时|钟头|星期|周|礼拜|月)"
_YET = r"(?:还|都|也|一直|迟迟|至今|到现在|始终)(?:是)?"
_TOO_SLOW = re.compile(
    r"^(?!.*(?:投诉|举报|工信部|12315|12345|起诉|赔|营业厅|排队|热线|客服|电话里|接线|话务|窗口|态度[^，,。]{0,3}(?:差|恶劣|不好|凶)|骂|吼"
    r"|收(?:了|我|费|钱)|要了?我[^，,。]{0,3}[钱块元]|[弄打搞碰](?:坏|破|碎)|也(?:断|坏|没网|没信号|用不了|上不了)|上次|去年)).*(?:"
    rf"(?:报修|报了?|叫|喊|(?<!装)(?<!我)(?<!自己)[修搞弄]|(?<!要)等|处理|拖)(?:了|咯|嘚|得|你们|你们人|师傅|人)*(?:都|快|整整|已经|有)*{_FOR_SO_LONG}(?!之?后|以?后|内|[再能吗吧就]|也?(?:行|可以|没关系|没事))"
    rf"|{_FOR_SO_LONG}(?:了|都|还|[，,\s])*(?:没|没有|没得|冇|莫得)(?:个)?人(?:来(?!住)|修|管|处理|联系|上门)"
    rf"|{_YET}(?:没|没得|不见|未|冇|莫得)(?:有)?(?:个|半个|一个)?(?:人|师傅|影)[^，,。\s]{{0,2}}(?:来|修|弄|处理|解决|联系|动静|音信|上门|影|管)"
    rf"|(?<!我)(?<!我们){_YET}(?:没|没得|未|冇|莫得)(?:有)?[^，,。\s]{{0,2}}(?:来(?!得及|电|信号)|修(?!改)|弄(?!明白|懂|清)|处理|解决|联系|动静|音信|上门|影(?![响像]))"
    r"|(?:修[理复]?|处理|办事?|效率|动作|师傅|上门|维修|来得|你们(?!速度))(?:得|的|个.{1,3}|起来|速度)?(?:怎么|咋|也|太|这么|那么|这样|真|真的|实在|就|硬是|忒|够|(?<=得)好)*(?:慢(?![慢点走一])|拖|磨蹭|低))"
)
_OF_VISIT = re.compile(r"修|师傅|上门|人(?:来|管)")
_NO_REPAIR = re.compile(r"退款|退钱|退费|充值|到账|发票|快递|携号|转网|装机|新装|(?:装|办)(?:理|个)?新?(?:宽带|网).{0,2}等|[改换办]个?套餐|过户|补卡|销户|移机")
_SHOP = re.compile(r"营业|上班|开门|关门|下班(?:不|吗|没)")
SHORT_WORDS = 40  # characters of a message that only says where to call
_WHOSE_NUMBER = re.compile(r"(?:师傅|他|维修|装维|人员|工程师).{0,4}(?:电话|号码|联系方式)")
# 明天师傅来我要在家吗, 你们几点来: of the visit that is being waited for.
_VISIT = re.compile(
    r"^[那请问,，\s]*几点(?:能|会)?(?:来|到)|(?:师傅|你们|工程师|维修的?).{0,6}(?:几点|什么时候|啥时候|哪天|多久).{0,4}(?:来|到|上门)"
    r"|(?:师傅|人)(?:来|上门|到)(?:的时候|时|之前|前)?.{0,6}(?:在家|准备|付|交钱|收钱)|(?:要不要|用不用|需不需要|得不得).{0,3}(?:在家|准备)"
)
_GOES_ON = re.compile(
    r"^(?:那|所以|这|要是|万一|到时候?)(?!个|边|家|张|修改|退订).*(?:钱|退(?!订)|赔|师傅|修(?!改)|处理|结果|告诉|通知|联系|证明|材料|怎么办|多久|追回).*(?:[?？吗呢]|怎么|哪|多|能不能|会不会|不$)"
    r"|^(?:那|所以|这)(?:我的?)?(?:钱|押金|话费).*(?:[?？吗呢]|哪)"
)
_JUST_NOW = timedelta(minutes=30)
_ADDITIONS = frozenset({"phone_number", "address", "datetime"})
# More of the ticket without a fact: who is in when, what was told wrong, what the modem shows.
_TOLD_MORE = re.compile(r"在[家屋]|[家屋][里头]*(?:没得?|没有|莫得|有)人|不是[^，,。吗真]{1,10}[，,\s]*是|是[^，,。吗真]{1,10}[，,\s]*不是|[换改]个?(?:时间|日子)|灯.{0,4}(?:红|黄|闪|灭|不亮)")


def recovered_ticket(turn: Turn) -> Ticket | None:
    """Return the open ticket of a fault that, to the customer's words, is there no more."""
    if not works_again(turn.reading.text):
        return None
    named = line_named(turn.reading.text)
    for ticket in tickets_of(turn.session, turn.conversation, open_only=True):
        fault = turn.handbook.type_of(ticket.type).kind is RequestKind.FAULT
        if fault and named in (None, ticket.type):
            return ticket
    return None


def unwanted_ticket(turn: Turn) -> Ticket | None:
    """Return the open ticket of an order that the words call off: 不办挂失了，卡找到了."""
    if not (gives_up(turn.reading.text) or found_again(turn.reading.text)):
        return None
    own = tickets_of(turn.session, turn.conversation, open_only=True)
    return next((ticket for ticket in own if ticket.type == turn.reading.type), None)


def ask_whether_to_withdraw(turn: Turn, ticket: Ticket | None = None) -> bool:
    """Ask whether the ticket of what works again, or is wanted no more, is to be withdrawn; False if there is none."""
    works = ticket or recovered_ticket(turn)
    ticket = works or unwanted_ticket(turn)
    if ticket is None:
        return False
    turn.conversation.dialogue = {"withdraw": ticket.number}
    tell(turn, ticket, "utter_recovered" if works else "utter_confirm_withdraw")
    return True


def asks_after_ticket(turn: Turn) -> bool:
    """Tell whether words that read as a request are about an open ticket: its visit, or how it stands."""
    if visit_wished(turn) is not None or asks_on(turn) is not None:
        return True
    text = turn.reading.text.strip()
    if len(text) > _SHORT or line_named(text) or not _questions(text):
        return False
    return bool(tickets_of(turn.session, turn.conversation, open_only=True, most=1))


def outcome_of_ticket(turn: Turn) -> str | None:
    """Tell what words that read as a request want of an open ticket instead; None if nothing."""
    if not tickets_of(turn.session, turn.conversation, open_only=True, most=1):
        return None
    text, kind = turn.reading.text, turn.handbook.type_of(turn.reading.type).kind
    if withdraws_ticket(turn.reading):
        return "named"
    if kind is not RequestKind.SAFETY:
        told = "联系" in text and "有人" not in text and len(text) <= SHORT_WORDS and line_named(text) is None
        if told and number_to_call(text):
            return "contact"
        if _HURRIES_ONE.search(text):
            return "hurried"
        if adds_to_ticket(text) or changes_number(text) or _PUTS_RIGHT.search(text):
            return "added"
        if slow_ticket(turn) is not None:
            return "hurried"
    if recovered_ticket(turn) is not None or unwanted_ticket(turn) is not None:
        return "recovered"
    if kind is RequestKind.CONSULT and asks_fee_too(text) and not asks_fee(text) and answer_of_ticket(turn) is not None:
        return "beside"
    if asks_after_ticket(turn):
        return "ticket"
    # 师傅来收钱不 reads as a question about plans; with a ticket open it is about its matter.
    return "beside" if kind is RequestKind.CONSULT and answer_of_ticket(turn) is not None else None


def slow_ticket(turn: Turn) -> Ticket | None:
    """Return the open ticket of whose slowness the words complain; None if they are of something else."""
    text, named = turn.reading.text, line_named(turn.reading.text)
    if not _TOO_SLOW.search(text):
        return None
    for ticket in tickets_of(turn.session, turn.conversation, open_only=True):
        known = turn.handbook.type_of(ticket.type)
        visited = any("address" in group for group in known.needs)
        other = named not in (None, ticket.type) or (known.kind is RequestKind.FAULT and _NO_REPAIR.search(text))
        of_it = turn.reading.type == ticket.type or (
            turn.reading.type == "complaint_service" and (visited or not _OF_VISIT.search(text))
        )
        if of_it and not other and _same_place(turn, ticket):
            return ticket
    return None


def _same_place(turn: Turn, ticket: Ticket) -> bool:
    told, known = turn.reading.facts.get("address", ""), str((ticket.facts or {}).get("address", ""))
    return told in known or known in told


def told_of_ticket(text: str) -> bool:
    """Tell whether short words, said with a ticket open, ask after it."""
    return len(text) <= _SHORT and (_questions(text) or bool(_ASKS_AFTER.search(text)))


def asks_on(turn: Turn) -> Ticket | None:
    """Return the ticket opened just now that a question goes on from: 那钱退到哪里, 那怎么告诉我.

    Our tables answer none of these; who handles the ticket does.
    """
    text = turn.reading.text.strip()
    if _COMPENSATION.search(text) and len(text) <= _SHORT:
        return next(iter(tickets_of(turn.session, turn.conversation, open_only=True, most=1)), None)
    if len(text) > _SHORT or not _GOES_ON.search(text) or line_named(text) or ALSO.search(text):
        return None
    for ticket in tickets_of(turn.session, turn.conversation, open_only=True, most=1):
        if turn.now - ticket.accepted_at < _JUST_NOW and answer_to(turn.reading, turn.office.tables) is None:
            return ticket
    return None


def _questions(text: str) -> bool:
    if _SHOP.search(text):
        return False
    if _VISIT.search(text):
        return True
    hurries = len(text) <= SHORTEST_NO + 4 and bool(_HURRIES.search(text))
    return hurries or asks_fee(text) or bool(_WHOSE_NUMBER.search(text))


def about_open_ticket(turn: Turn) -> bool:
    """Take short words as a question after the open ticket, wishes or facts as more of it; False if neither."""
    if note_visit_wish(turn) or ask_whether_to_withdraw(turn):
        return True
    if (ticket := asks_on(turn)) is not None:
        supplement(turn, ticket, turn.reading.text)
        return True
    tickets = tickets_of(turn.session, turn.conversation, open_only=True, most=1)
    if not tickets:
        return False
    text = turn.reading.text.strip()
    if len(text) <= _SHORT and _questions(text):
        _answer_question(turn, tickets[0], text)
        return True
    if len(text) <= _SHORT and _ASKS_AFTER.search(text):
        WISHES["ticket_status"](turn, tickets[0])
        return True
    if (answer := answer_of_ticket(turn)) is not None:
        turn.say_all((answer,))
        return True
    mended = _PUTS_RIGHT.search(text) or swapped(tickets[0].facts or {}, text) or tail_mended(tickets[0].facts or {}, text)
    told = len(text) <= _SHORT and _TOLD_MORE.search(text) and line_named(text) is None
    if told or mended or _ADDITIONS & set(turn.reading.facts) or adds_to_ticket(text):
        supplement(turn, tickets[0], text)
        return True
    if changes_number(text):
        ask_supplement(turn, tickets[0])
        return True
    if len(text) <= _SHORT and in_no_hurry(text):
        WISHES["ticket_status"](turn, tickets[0])
        return True
    return False


def answer_of_ticket(turn: Turn) -> Say | None:
    """Return the answer to a question about the matter of the open ticket: 收不收钱, 师傅来几个人."""
    text = turn.reading.text.strip()
    own = tickets_of(turn.session, turn.conversation, open_only=True, most=1)
    if not own or not asks(text) or len(text) > LONGEST_QUESTION:
        return None
    tables, ticket = turn.office.tables, own[0]
    answer = answer_beside(turn.reading, ticket.type, tables, said=[ticket.summary])
    kind = tables.types[ticket.type].kind
    if answer is not None and (tables.types[answer.type].kind is kind or answer.type == HOW_WE_ANSWER):
        return Say("utter_knowledge", {"answer": said_aside(answer), "entry": answer.id})
    cost = kind in (RequestKind.FAULT, RequestKind.ORDER) and asks_fee_too(text)
    return Say("utter_fee") if cost else None


def _answer_question(turn: Turn, ticket: Ticket, text: str) -> None:
    """Answer what is asked after a ticket was opened: who calls, what it costs, whether sooner."""
    if asks_fee(text):
        turn.say("utter_fee")
    elif _VISIT.search(text):
        WISHES["ticket_status"](turn, ticket)
    elif _WHOSE_NUMBER.search(text):
        tell(turn, ticket, "utter_ticket_who_calls")
    else:
        WISHES["ticket_urge"](turn, ticket)
