"""Promises, 承诺: which of the times in a reply say by when something will be done.

Each is written to the ticket with a reminder of its own (PRM-07).
"""

from __future__ import annotations

import re
from datetime import datetime

from bot.handbook.language.finding import Commitment
from bot.handbook.language.text import Reply
from bot.handbook.language.times import Mention, mentions

_PROMISE = re.compile(
    r"回复|答复|回电|回拨|致电|联系|响应|告知|通知|反馈|同步|给您|给你|上门|到达|修复|抢修|维修|恢复|解决|处理"
    r"|修通|装好|办妥|能[好用通]|退[到至]|(?:师傅|工程师|装维)[^,]{0,6}[到去来装修]"
    r"|办结|完成|办好|办理|开通|安装|审核|核查|核实|查清|到账|退还|退回|退款|返还|生效|发送|发到|发您|出结果|有结果"
    r"|结果|进展|派|寄|送|跟进|安排|装机|移机|拆机|到(?:您)?家|过来|过去|提交|登记|转接|更新|复机|搞定|弄好|修好|通了|好了"
)
_NO_PROMISE = re.compile(
    r"已|曾|刚才|刚刚|昨天|昨日|前天|上周|上个?月|此前|之前您|您(?:于|在)|如果|如(?!期|实|约)|若|倘|一旦|未(?:收到|恢复|处理|联系|答复|回复)"
    r"|请您?(?:在|于|尽快|务必)|您(?:可|可以|需|需要|须|最好)(?:在|于)|营业时间|服务时间|工作时间|受理时间|有效期|有效|合约期?|套餐|近|最近|过去"
    r"|连续|每|超过|平均|(?<!修复)(?<!处理)(?<!办理)时长|通话|历史"
)
# 今天9:00已恢复, 昨天您反映的: said of the past.
_DONE_AFTER = re.compile(
    r"[^,]{0,3}已|您[^,]{0,4}(?:反映|来电|提交|办理|申请|充值|缴|报修|报障|咨询|登记|拨打|反馈|投诉|说)"
)


_HAS_BEEN = re.compile("已|过(?![来去])|没能|未能")
_ALONE = 2  # characters that may stand beside a time that is a clause of its own


def clause_of(reply: Reply, mention: Mention) -> tuple[int, int]:
    """Return the clause of a time; where it holds nothing else, with what the next says will be."""
    left, right = reply.clause(mention.start, mention.end)
    alone = right - left - (mention.end - mention.start) <= _ALONE
    if alone and reply.text.startswith(",", right):
        end = reply.clause(right + 1, right + 1)[1]
        if not _HAS_BEEN.search(reply.text, right, end):
            return left, end
    return left, right


def is_promise(reply: Reply, mention: Mention) -> bool:
    """Tell whether a time is promised: the clause says what will happen by then."""
    left, right = clause_of(reply, mention)
    before = reply.text[left : mention.start]
    if _NO_PROMISE.search(before) or mention.suffix in {"起", "以前"}:
        return False
    if mention.kind == "limit" and mention.suffix in {"前", "之前"}:
        return False
    if _DONE_AFTER.match(reply.text, mention.end, right):
        return False
    if reply.is_quoted(mention.start, mention.end):
        return False
    if mention.suffix in {"内", "之内", "以内"} or _PROMISE.search(reply.text, left, right):
        return True
    return re.search(r"预计|最迟|最晚|不晚于|最长|不超过|约定", before) is not None


def commitments(reply: Reply, *, now: datetime | None) -> tuple[Commitment, ...]:
    """List the times that a reply promises, with the instants by which they fall due."""
    found = []
    for mention in mentions(reply.text, now):
        if mention.impossible or not is_promise(reply, mention):
            continue
        start, end = reply.original(mention.start, mention.end)
        found.append(Commitment(reply.raw[start:end], start, end, mention.latest, mention.kind))
    return tuple(found)
