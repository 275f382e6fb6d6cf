"""Chapter 3.1: short answers 简短答复: yes, no, never mind, something is wrong.

They are read by their words: the model sees no context, and a 好 inside 好像不对 agrees to nothing.
"""

from __future__ import annotations

import re

from bot.handbook.intake_parts import Reading

# The handful of Traditional characters that short answers are made of.
_SIMPLIFIED = str.maketrans("對沒確認誤還錯麼幫報記問題無過這個換寫號碼給單張", "对没确认误还错么帮报记问题无过这个换写号码给单张")

_NOTHING_WRONG = (
    r"没(?:有)?(?:什么|啥|任何)?(?:问题|意见|毛病|错)|不错|(?:不用|不需要|不必|没(?:有)?(?:什么)?(?:要|需要))(?:再)?(?:修)?改"
)
_YES = re.compile(
    rf"^(?:{_NOTHING_WRONG}|是|对|好|可以|行|嗯|确认|正确|ok|yes|提交|同意|要(?!求)|需要"
    r"|解决了|搞定了|明白了|知道了|清楚了|懂了|够了|就这样|无误|得行)"
)
# What begins like a yes and is none: a question, a doubt, a condition, a change, 对了 and 对不起.
_BUT = re.compile(
    r"[?？]|[吗么伐]$|^要(?:钱|收|不要)|^是(?:我|他|她|家|你|咱)?[^，,。！!\s]{0,4}(?:座机|电话|手机|号码|的号|的卡|[妈爸]|老[公婆伴]|儿子|女儿)|多久|多少|什么|怎么|何时|几[天个点]|^(?:是|行|对|好|要|可以|需要)不|^对(?:不起|了)|个[屁鬼头毛锤球]"
    r"|^好(?:像|久|多|几|贵|慢|烦|难)|^要(?:是|不|等)|不对|不是|有误|错|但|可是|不过|改|换成"
)
_WRONG = re.compile(r"不对|有误|错了|(?:要|需要|想|得)(?:修)?改|写错|填错|记错")
_NO = re.compile(rf"^(?!{_NOTHING_WRONG})(?:不|没|否|错|有误|no$|nope)")
_CLAUSE = r"(?:^|[\s，,。；;！!？?、…~])"
_LEAD = r"(?:那|哦|噢|嗯|呃|唉|好|行|吧|我|就|先|还是|都|也|暂时|现在|今天|这个|谢谢|你|你们|给我)*"
# 算了，那先提交: gives in, and not up.
_GIVES_IN = r"(?:吧|了)?[，,。！!\s]*(?:(?:不改|不扯|不说)了)?[，,。！!\s]*(?:那就先?|那先?|就先?|先|还是|赶紧|快)*(?:按|照|说(?!了)|写|用(?!不)|填|交|提交|登|这样(?:提交|登|报)|(?:给我|帮我)?(?:报|修|派))"
_SUBMIT = re.compile(
    r"(?:算了|那|就|先|都|还是|我要?|是说|说|请|麻烦|快|直接|帮我|给我|这样|其他|对的?|可以|行|好)*(?:(?:按|照)(?:刚才|之前|上面|前面|这个|那个|原来)?[^错改不]{0,10})?提交(?:提交)*(?:吧|了吧|了|啊|呀|嘛|一下|就行)?|(?:那|就|都|快|行)*交(?:吧|了吧|啊|嘛|上去)?"
    r"|(?:算了|那|就)*(?:按|照)(?:刚才|之前|上面|前面|这个|那个|原来)[^错改不]{0,10}(?:登记?|报|交)吧?|(?:算了|那|就)*这样(?:登记?|报|交)(?:吧|了)?"
)
_NOTHING_REGISTERED = re.compile(r"我(?:还|又|可)*没说要(?:登记|办理?|报)(?:$|[，,。！!\s呢啊])|(?<!为啥)(?<!什么)(?<!怎么)(?:不用|不要|别)(?:给我|帮我)?(?:交单|下单|开单|建单)(?:$|[，,。！!\s了])|(?<!么)(?<!是)(?:不|不用|不要|别)(?:再|给我|帮我)*登记(?!我|错|成)(?:了|$|[，,。！!\s]|就(?:是)?问)")
_REGISTERS_AFTER_ALL = re.compile(r"[?？吗么]|(?:给|帮)我登记|怎么办|老说|(?:你们|客服|营业厅|师傅|他们|上次|之前)[^，,。]{0,6}(?:不|别)|如果|要是")
_TWICE = re.compile(r"^(.{2,6}?)\1+")  # 不用了不用了
# 不催就没人管, 我不急谁急, 别慢慢来了 are said in a hurry, and so is 你们不急我急.
_NO_HURRY = re.compile(
    r"^(?!.*(?:(?:不|没有?人)催(?:你们|他们|师傅|一下)?(?:是不是)?[就都]?(?:不(?!急|用|赶)|没)|不着?急(?:谁|才怪|不行|吗)|(?:能|怎么)不着?急|你们[^，,。我]{0,4}不着?急|(?<!不)急不急"
    r"|(?:别|不要|不能|怎么|还(?!是)|等你们)(?:再|要|在|这么|这样|你们)*慢慢来)).*(?:(?:别|不用|不要|没有?|不)(?:再)?催|我?不急|不着急|不用(?:着)?急|慢慢来)"
)
_NOT_YET = re.compile(r"先(?:别|不)[^，,。]{0,6}[，,。！!\s]+(?:我还没|等我|让我|我先|听我)")
_STATEMENT = re.compile(r"([^，,。！!；;?？\s]+)([，,。！!；;?？\s]*)")
_BUT_WAIT = re.compile(r"不过|但|可是|等(?!了|不及)|再|先(?:别|等|不要|改|让)|[不别没](?:要|用)?提交|改(?!了)|换|错|另外|还有|之前|以后|为什么|怎么|如果")
_CANCEL = re.compile(
    rf"{_CLAUSE}{_LEAD}(?:算了(?!{_GIVES_IN})(?=$|[\W_]|吧|不|别|我|谢|没)|当我没说|(?:只是|就是)?(?:随便)?问问(?:而已|罢了|就行)(?!吗)"
    rf"|(?:不用|不需要|不必|唔使|唔需要|无须)(?:再)?(?:登记?|办理?|报修?|弄|查|处理|搞)?(?:了|喇|啦)(?=$|[\W_]|吧|啊|哈|我|谢|麻烦)"
    rf"|(?:不|不用|不需要|不必|不要|不是|别|唔使|唔好)(?:再|继续|给我|帮我)*登记?(?:了|这个|那个|吧|喇)*(?=$|[\W_]|啊|哈|你(?!的)|我(?:就|只|没|要|问|来))"
    rf"|(?:(?:不要|别要)这(?:[张个](?:单子?|工单)|张)|这(?:[张个](?:单子?|工单)|张)不要)(?=$|[\W_]|吧|了(?:$|[\W_])))|就别登记?了|(?:了|行|话)就算了(?=$|[。！!])|不用登[^，,。记录不]{{1,8}}了"
    r"|先(?:别|不)急着?(?:办|弄|登记)|先(?:别|不)(?:再)?(?:退|办|弄|登记|提交|报|查|处理|改)"
    r"|(?<!先)(?:不|不想|不要|别)(?:再)?(?:办理?|报修?|弄|登记|提交)了?(?=$|[\W_]|吧|啊|哈)|^(?:那|我|还是|先|就|算了|[，,\s])*不交(?:了|吧)*[。！!]*$|取消(?:登记|提交|工单|这次|本次)|^确认撤[单销]"
    r"|^(?:no[,.\s]+|ok[,.\s]+)?(?:i\s|please\s)*(?:cancel(?:\s(?:it|this|that))?$|forget (?:it|about it)$|never ?mind$|withdraw$)"
    r"|\bdon['’]?t (?:submit|register)\b|\bdon['’]?t want (?:another|a|this|any) (?:ticket|one)"
)
_UNDO = re.compile(
    rf"{_CLAUSE}{_LEAD}(?:(?:取消)+(?:吧|办理|掉|了|这个|这张)?|(?:什么|全)?都?不要(?:了|这个|那个|第[一二三]个)+(?:吧|啊)?)[。!！~]*$"
    r"|^(?:没有?|没事)了?[，,\s]*谢谢"
)
# 不换了, 不装了 你们太不靠谱: what was to be done is not to be done. The second ones can be the wish itself.
_NO_MORE = (
    r"(?:^|[\s，,。；;！!？?、…~])(?:那|哦|噢|嗯|呃|唉|算了|我|还是|就|先|都|说|来电显示|彩铃|套餐|宽带|[，,\s]){{0,6}}"
    r"(?:不|不想|不要|先不|暂时不)(?:再)?(?:{verbs})了(?=$|[\W_]|吧|啊|哈|你|我|谢|行)"
)
_NOT_DONE = re.compile(_NO_MORE.format(verbs="换|装|补|过户|移|迁|投诉"))
_NOT_TAKEN = re.compile(_NO_MORE.format(verbs="开|续|订|买|升|降|携|申请|转|退"))
# What somebody else says, or said once, is no refusal.
_REPORTED = re.compile(r"师傅|他们|你们|客服|营业厅|上次|之前|打不开|怎么|为什么|为啥|是不是|如果|要是")
_OTHERS = re.compile(r"(?:客服|营业厅|师傅|他们|你们)[^，,。\s]{0,4}$|^(?:上次|之前)")
_BEHIND_MARK = re.compile(r"[\s，,。；;！!？?]")
LONGEST_GOOD_NEWS, LONGEST_ANSWER = 24, 200
_WORKS = re.compile(
    r"(?:又|已经|现在|刚刚?|突然|自己|终于|好像)(?:又|都|自己)?(?:有(?:网|信号|图像|声音)|能(?:用|上|看|打)|好|恢复|通|复机|开机)(?:网|电视|电话)?了"
    r"|^(?:哦|噢|诶|哎|嗯|那个|对了|[，,\s])*(?:(?:它|网|电视|电话|宽带|灯|自己)+(?:又|自己)*(?:好|亮|恢复|通)了|恢复了|有网了|有信号了|修好了|能上了|能用了)(?:$|[，,。\s！!]|网)"
    r"|^(?:固定)?(?:电话|网|宽带|电视|信号|座机)(?:它|自己|又|就|已经|都)*好了(?=$|[，,。！!\s])|修好了[，,\s]*不用|灯又亮了|^(?:诶|哎|嗯|哦|[，,\s])*好了[，,\s]+(?:又|已经)?(?:能|有网|有信号)"
)
_ALARM = re.compile(r"los|红")  # a light that is on is no good news
_BARE = re.compile(r"(?:好了|可以了)*[。！!~\s]*")
_BROKEN = re.compile(
    r"[?？]|[吗么]$|[没不]|断|坏|掉|卡|慢|但|还是|一会|一阵|一点|[分秒天]|登记|提交|地址|电话(?!好)|红灯|邻居|隔壁|别人|楼[上下]|他们|有人"
)
_DECLINE = re.compile(r"^(?:不用|不|别|那)?[，,\s]*(?:继续|先登记|登记|直接登记|接着|往下)")
_ENOUGH = re.compile(r"^(?:不用|不需要|不必)(?!.*(?:登记|转人工))|^没有?(?:其他|其它|别的|了)|^没事")

_NOTHING = re.compile(r"(?:不用|不需要|不必|没有?了|没事)了?[，,\s]*(?:谢谢|再见|拜拜)?[。！!]*")


def plain(text: str) -> str:
    """Return a short answer in small letters and Simplified characters."""
    return text.strip().lower().translate(_SIMPLIFIED)


def _doubtful(said: str) -> str:
    """Leave out what says that nothing is wrong: 没错 holds a 错 and means none."""
    return re.sub(_NOTHING_WRONG, "", said)


def agrees(text: str, *, type: str = "") -> bool:
    """Tell whether the words agree; `type` is how the model read them."""
    said = plain(text)
    if _NO.search(said) or _BUT.search(_doubtful(said)):
        return False
    return type == "affirm" or (len(said) <= 10 and bool(_YES.search(said)))


def refuses(text: str, *, type: str = "") -> bool:
    """Tell whether the words refuse or deny."""
    said = plain(text)
    if agrees(text, type=type):
        return False
    return type == "deny" or (len(said) <= 12 and bool(_NO.search(said)))


def finds_fault(text: str) -> bool:
    """Tell whether the customer says that something read back is wrong."""
    return bool(_WRONG.search(_doubtful(plain(text))))


def gives_up(text: str, *, undoes: bool = False) -> bool:
    """Tell whether the customer no longer wants it; `undoes`: what is asked for is a cancelling."""
    told = plain(text)[:LONGEST_ANSWER]
    return _gives_up(told, undoes=undoes) or _gives_up(_in_mandarin(told), undoes=undoes)


def _in_mandarin(said: str) -> str:
    """Return Cantonese words of refusing as the patterns know them: 唔報喇, 唔要喇."""
    for spoken, written in (("唔使", "不用"), ("唔好", "不要"), ("唔", "不"), ("喇", "了"), ("啦", "了")):
        said = said.replace(spoken, written)
    return said


def _gives_up(said: str, *, undoes: bool) -> bool:
    said = _TWICE.sub(r"\1", said)
    if submits(said) or _NOT_YET.search(said):
        return False
    cancelled = _CANCEL.search(said)
    if (cancelled and not _of_others(cancelled)) or registers_nothing(said):
        return True
    if _is_own(_NOT_DONE.search(said)):
        return True
    return not undoes and bool(_UNDO.search(said) or _is_own(_NOT_TAKEN.search(said)))


def registers_nothing(text: str) -> bool:
    """Tell whether the words say that nothing is to be registered, whatever else they say."""
    said = plain(text)[:LONGEST_ANSWER]
    return bool(_NOTHING_REGISTERED.search(said)) and not _REGISTERS_AFTER_ALL.search(said)


def submits(text: str) -> bool:
    """Tell whether the words want sent off what was read back: 其他对的，提交; 算了 就按那个地址提交."""
    said = [found.groups() for found in _STATEMENT.finditer(plain(text)[:LONGEST_ANSWER])]
    wants = [bool(_SUBMIT.fullmatch(words)) and not set(mark) & set("?？") for words, mark in said]
    others = (words for (words, _), wanted in zip(said, wants, strict=True) if not wanted)
    return any(wants) and not any(_BUT_WAIT.search(words) for words in others)


def _of_others(cancelled: re.Match[str]) -> bool:
    """Tell whether the clause says what somebody else did not want: 之前客服不登记."""
    before = _BEHIND_MARK.split(cancelled.string[: cancelled.start() + 1])[-1]
    return bool(_OTHERS.search(before))


def _is_own(refusal: re.Match[str] | None) -> bool:
    return refusal is not None and not _REPORTED.search(refusal.string, 0, refusal.end())


def besides_giving_up(text: str) -> str:
    """Return what is said after words that give something up: 算了 that is followed by a question."""
    said = plain(text)[:LONGEST_ANSWER]
    ends = [found.end() for each in (_CANCEL, _NOT_DONE, _NOT_TAKEN) for found in each.finditer(said)]
    return said[max(ends, default=0) :].strip(" ，,。；;！!")


def works_again(text: str) -> bool:
    """Tell whether short words say that what was broken works: 又有网了, 好了 能上了."""
    said = plain(text)
    if len(said) > LONGEST_GOOD_NEWS or _BARE.fullmatch(said) or _ALARM.search(said):
        return False
    return bool(_WORKS.search(said)) and not _BROKEN.search(said)


def goes_on(text: str) -> bool:
    """Tell whether the customer wants to go on without a person."""
    return bool(_DECLINE.search(plain(text)))


def is_enough(text: str) -> bool:
    """Tell whether nothing more is wanted after an answer."""
    return bool(_ENOUGH.search(plain(text)))


def wants_nothing(text: str) -> bool:
    """Tell whether the whole message says that nothing is wanted."""
    return bool(_NOTHING.fullmatch(plain(text)))


def in_no_hurry(text: str) -> bool:
    """Tell whether words hurry nobody: 不催了, 不急, 慢慢来."""
    return bool(_NO_HURRY.search(text))


def says_yes(reading: Reading) -> bool:
    """Tell whether a message agrees."""
    return agrees(reading.text, type=reading.type)


def says_no(reading: Reading) -> bool:
    """Tell whether a message refuses or denies."""
    return refuses(reading.text, type=reading.type)
