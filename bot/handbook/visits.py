"""Chapter 3.1: a wish for the technician's visit (上门嘱咐): 来之前打个电话, 走后门, 带根新网线.

Said with such a visit ahead it is more of the ticket, whatever the model takes it for: it names
the arrival and a wish, and nothing that went wrong.
"""

from __future__ import annotations

import re

from bot.handbook.one_story import ALSO
from bot.handbook.subjects import line_named

LONGEST_WISH = 40
_ARRIVES = re.compile(
    r"师[傅父]|上门|门铃|到了?(?:楼下|门口|小区|村口|屋头|家)|(?:来|到)[^，,。]{0,3}(?:带|走|从)"
    r"|[来到](?:修|装|安|弄|整|搞|看|我?家|电视|宽带|光猫|网)*(?:之前|以前|前|的?时候|那天|了?[以之]?后?[，,\s]*(?=打|给|敲|喊|叫|说|发|找|走|从|按))"
)
_ME = r"(?:我|俺|咱|给我)"
_WISHES = re.compile(
    rf"(?:打|给|发|来|通)(?:个|条|一个|一下|{_ME})*(?:电话|短信|信息|消息|微信)|打[给到]?{_ME}的?(?:手机)?(?:电话)?"
    rf"|(?:说|言语|喊|叫|讲|吱|知会|通知|告诉|联系){_ME}*(?:一?声|一?下|我|俺)|找{_ME}(?:[妈爸爹娘老媳婆公]|邻居|家)"
    r"|敲门|[按摁响敲]门铃|莫敲|别敲|鞋套|[轻小](?:一?点|些|声)|带(?:[个根条上一把点新长副双]|够)[^，,。]{0,8}"
    r"|走(?:后|前|侧|正|边|偏|南|北|东|西|货)边?[门梯]|走[楼电]梯|从[^，,。]{1,6}(?:进|上楼|上来|走)|停[在到]"
)
_NO_WISH = re.compile(
    r"来过|走了|刚(?:才|刚)?(?:来|走|打|给|有|说|接)|昨天|前天|(?:没|未|冇)有?(?:打|给|来|带|说|敲|通知|联系|喊|穿|接)|打[了过]|打不通|不(?:打|来|带|穿|接|敲)(?!个)"
    r"|投诉|态度|骂|威胁|凭什么|为什么|怎么(?:不|没|还)|还不|骗|冒充|陌生|收钱|要钱|收费"
    r"|会(?:不会)?先?(?:打|发|联系|通知)|什么电话|哪个电话|电话是?多少|几点|(?:什么|啥)时候|多久|叫(?:什么|啥)"
)


def wishes_for_visit(text: str, type: str | None = None) -> bool:
    """Tell whether words are a wish for the visit of a ticket, of this type or of any, and nothing else."""
    said = text.strip()
    if len(said) > LONGEST_WISH or ALSO.search(said) or _NO_WISH.search(said):
        return False
    besides = _WISHES.sub("", said)
    return besides != said and bool(_ARRIVES.search(said)) and (
        type is None or line_named(besides) in {None, type}
    )
