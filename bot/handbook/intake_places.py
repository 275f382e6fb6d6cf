"""Chapter 3.1: places (地址) as customers tell them: in parts, over gaps, among other words."""

from __future__ import annotations

import re
from itertools import pairwise

from bot.handbook.facts import Fact, find_facts
from bot.handbook.intake_parts import QUESTION, Reading
from bot.handbook.regions import is_region_name

LONGEST_FACT, LONGEST_IN_PARTS = 500, 80
SHORT_ADDRESS = 30
SHORT_PLACE = 3  # characters of a place without a word for one: 小寨, 木渎
LONGEST_REGION = 6  # characters of a region that stands before the place, apart from it

_REGION = re.compile(r"[省市区县镇乡]$")
_PLACE = re.compile(
    r"[省市区县镇乡村屯庄街路巷弄道坊苑园楼栋幢室院厂店桥营]|座(?!机)|小区|社区|单元|家属|宿舍|平房|大厦|广场|车站|超市|学校"
    r"|\d+\s*号|后面|前面|旁边|对面|附近|隔壁|门口|路口|东头|西头|南头|北头|组$|队$"
)
_ENGLISH_PLACE = re.compile(
    r"\b(?:road|rd|street|district|community|building|room|avenue|lane|village|town|county|garden)\b", re.I
)
_NO_PLACE = re.compile(
    r"不知道|不清楚|不止|都没|自己能|能不能|要不要|迷路|断了|坏|不要登|没网|上不|连不|用不|打不|收不|看不|不想|不给|没有?门牌|急|好几天|天了|雪花|蓝屏|报修|投诉|师傅|客服|电话|单号|工单"
)
# What is said around a place that was told before, impatiently.
_TOLD = re.compile(
    r"(?:我)?(?:前面|刚才|刚刚|刚|之前|上面)?(?:不是|都|已经)*说(?!法)(?:过)?了?(?:[一二两三四五六几好]+[遍次])?(?:了|的|吗|嘛|啊)*|(?<=[\u4e00-\u9fff])[！!]+(?=[\u4e00-\u9fff])"
)
_LEAD = re.compile(
    r"^(?:(?:我|我们|俺)(?:家|公司|单位|店)?(?:的)?(?:是)?(?:地址)?(?:就)?(?:住|在|是)+|地址(?:就)?(?:是|在|为)?|就?(?:住)?在(?!水)|住(?![友建宅院]))[:：,，\s]*(?:(?:那|这)个?(?:啥|什么)?|嗯|呃)*[:：,，\s]*"
)
# What is said before a place that takes another's place: 有误，地址是…, 地址写全，….
_CORRECTION = re.compile(
    r"^(?:(?:有误|不对|错了|唔啱|唔係|不全|没写全|写全)[，,。！!：:\s]*|(?:我的?|家里?|详细|新的?|老的?|正确)*(?:地址|位置|住址|address)(?:应该|写|填|要)*"
    r"(?:有误|不对|错了|唔啱|不全|没写全|写全|改成|改为|改做|换成|換成|应该是|是|係|为(?=[：:\s])|：|:|(?<=应该写)|[，,\s](?=[\u4e00-\u9fff]))+[，,。：:\s]*|(?:小区|门牌|楼号)没?写全[，,：:\s]*|(?:只改)?(?:新|旧|老)的[：:]|(?:新|老|旧)?(?:地址|住址)也?要?改(?:一下)?[，,\s]+|(?:改成|改为|改做|换成|而家喺|现在在)[：:，,\s]*|[：:，,。\s]+)+"
)
_PREFIX = re.compile(r"^(?:係|写(?![字意真])|填(?!海)|改成|改为|换成|应该是|新(?:家|地址)(?:是|在)|是(?=.{3}))[:：,，\s]*")
_OF_FIRM = re.compile(r"我司|单位|公司|靠近|附近|第.排|旁|对面|隔壁")
_CHAT = re.compile(r"[啊吧呢嗯呃我你俺想等说]|那个$|这个$|就是|还是|不过")
_HURRY = re.compile(r"[他她]|快|(?<![出过往])来(?![安宾凤])|修|睡|谢|好的|手机|宽带|网")
_HOUSE = re.compile(r"\d+(?:-\d+)*(?:号|栋|期|楼|室|单元|号楼)?")
_HOUSE_BEHIND = re.compile(r"(?<=[村镇乡街路区])[\u4e00-\u9fff]{1,5}\d{1,4}(?:号|栋|幢|组|社|队|户)(?:楼)?(?:\d+(?:单元|室|号|楼|层))*")
_AROUND = " ，,。；;、\n\t"
_PHONE_LABEL = re.compile(r"[ ，,。；;、]*(?:我的?)?(?:联系|手机|电话)?(?:电话|手机|方式|号码?)?[是为:： ]*$")
# Talk around a place: 你这人咋答非所问。沙坪坝区…, …8栋1203 刚才写过的.
_TALK = re.compile(
    r"[咋啥]|不是|不要|不对|说[了过]|[写弄搞][了错得进过完]|改[一好]|还没|回我|得行|晓得|怎么|什么|刚才|前面说|后面那(?:句|几|些|段)|号码|补充|重新|只写|地址吃|哎呀|烦|写的|两个字|密码|在家|有人|晚上|[上下]午"
    r"|^(?:对的?|错|嗯|哎|喂|完|那个?|哦|好的?|确认|提交|就是|算了)$|^(?:新|旧|我的?|详细|正确|完整)*(?:地址|位置|住址)$|(?:座机|手机|宽带|电视)[^，,]{0,3}(?:好|坏|不)"
)
_PEOPLE = re.compile(r"[你我他她嘛了不跟吧啊呀哦呃嗯喂]")  # in talk, unless a place is named beside: 我妈家楼下小卖部旁边
_FILLED = re.compile(r"^(?:哦|嗯|呃|啊|就(?=\d)|那个?(?=\d))+")
_BREAK = re.compile(r"[，,。；;！!？?：:\s]+")
_BEGINS_ANEW = re.compile(r"^[\u4e00-\u9fff]{1,6}?(?:省|市(?!场)|(?<![小社园校厂库景])区|县|旗)(?!别|分)")
_REGIONS = re.compile(r"^[\u4e00-\u9fff]{1,12}(?:(?<![小社园校厂库景])区|县|旗|镇|乡|街道)")
_HOUSE_PART = re.compile(r"\d+(号楼|栋|幢|座|单元|楼|室)")
_DISTRICT = re.compile(r"[区县]$")
_SPOKEN_REGION = re.compile(r"([\u4e00-\u9fff]{2,4}?)(?:的|嘛|噻|哦|呀|啊|[这那]?边|市区)*[。.!！]*")
_PROVINCES = frozenset(
    ["北京", "上海", "天津", "重庆", "河北", "山西", "辽宁", "吉林", "黑龙", "江苏", "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南", "广东", "海南", "四川", "贵州", "云南", "陕西", "甘肃", "青海", "台湾", "内蒙", "广西", "西藏", "宁夏", "新疆"]
)
_TAIL_OFF = re.compile(r"(?:后面|后头|后边|最后)(?:那|的)?(?:几个字|[一半]?句话?|段|些|个)?[^，,。]{0,4}(?:去掉|删|不要|不用)")
_SAME_PLACE = re.compile(
    r"(?:^|[，,。\s])(?:还是|就是|就|还|跟|和|同)?(?:那个|原来|刚才|之前|上次|上一[单个次]|前面|同一个?|老)(?:的|说的|那个)?(?:地址|地方|位置|小区|村)(?:一样)?"
    r"|地址(?:也|都|跟|还)*(?:一样|没变|不变|同上|那个|原来)|^同上"
)
_OTHER_PLACE = re.compile(r"不是|不对|错|不住|搬|隔壁|新的|现在是|[吗么?？]|[他她你]|我妈|我爸|我家另")
_ESTATE = re.compile(r".*?(?:小区|花园|家园|公寓|广场|苑|(?:城|村|庄|府|院|里|园)(?=[\dA-Za-z东西南北]))")
_LEAST_RETOLD = 6  # characters of a place told again by itself
_CLAUSES = re.compile(r"[，,。；;！!]")


def is_place(text: str) -> bool:
    """Tell whether words that hold no known address can be one: 老供销社后面那排平房."""
    return bool(_PLACE.search(text) or _ENGLISH_PLACE.search(text)) and not _NO_PLACE.search(text)


def cannot_be_place(text: str) -> bool:
    """Tell whether words are surely no place: a fault, a question, a wish, or too many of them."""
    said = place_said(text)
    talk = _NO_PLACE.search(said) or QUESTION.search(said) or _CHAT.search(said) or _HURRY.search(said)
    return bool(talk) or not 3 < len(said) <= SHORT_ADDRESS


def only_address(reading: Reading) -> bool:
    """Tell whether an address is all that was found in a short message."""
    short = len(reading.text.strip()) <= SHORT_ADDRESS
    # The number of a house (12号) reads like a day of the month.
    return short and set(reading.facts) - {"datetime"} == {"address"}


def place_besides_number(reading: Reading) -> str:
    """Return the place that fills a message apart from a number: 海淀区上地西里5号楼1002 138….

    The pattern may have caught only its district.
    """
    only = set(reading.facts) - {"datetime"} == {"address", "phone_number"}
    if not only or len(reading.text) > 2 * SHORT_ADDRESS:
        return ""
    numbers = [fact for fact in find_facts(reading.text) if fact.name == "phone_number"]
    if len(numbers) != 1:
        return ""
    number = numbers[0]
    before, after = reading.text[: number.start].strip(_AROUND), reading.text[number.end :].strip(_AROUND)
    said = _PHONE_LABEL.sub("", before) if not after else after if not before else ""
    short = 0 < len(said) <= SHORT_ADDRESS and not QUESTION.search(said) and not _CLAUSES.search(said)
    return place_said(said) if short and is_place(said) and reading.facts["address"] in said else ""


def whole_place(reading: Reading, *, strict: bool = False) -> str:
    """Return the place of an answer with what is told of it behind a gap: 雁塔区 小寨 13…, 晚上在家.

    Nothing where there is no gap, and the place is what was found. `strict`: what does not look
    like a place ends it, unless more of the place comes behind.
    """
    found = find_facts(reading.text)
    places = [fact for fact in found if fact.name == "address"]
    if not places or not (set(reading.text.strip()) & set(" \u3000那")):
        return ""
    ends = [fact.start for fact in found if fact.start > places[0].start and _ends_place(fact)]
    clause = _CLAUSES.search(reading.text, places[0].start)
    stop = min([*ends, clause.start() if clause else len(reading.text)])
    spans = [match.span() for match in re.finditer(r"\S+", reading.text[:stop])]
    first = next(at for at, (_, end) in enumerate(spans) if end > places[0].start)
    words = [reading.text[start:end] for start, end in spans]
    before = [word for word in words[:first] if _is_region(word)]
    told = [reading.text[places[0].start : spans[first][1]]]
    if _NO_PLACE.search(told[0]) or QUESTION.search(told[0]):
        return ""
    for word in words[first + 1 :]:
        if any(each.search(word) for each in (_NO_PLACE, QUESTION, _CHAT, _HURRY)):
            break
        told.append(word)
    while strict and len(told) > 1 and not _looks_like_place(told[-1]):
        told.pop()
    return " ".join((*before, *told))[:LONGEST_FACT]


def _looks_like_place(word: str) -> bool:
    return bool(_PLACE.search(word) or _HOUSE.fullmatch(word)) or len(word) <= SHORT_PLACE


def _is_region(word: str) -> bool:
    """Tell whether a word before a place is a part of it: 杭州 滨江区."""
    short = len(word) <= (LONGEST_REGION if _REGION.search(word) else SHORT_PLACE) and not word.isascii()
    return short and not any(each.search(word) for each in (_CHAT, _NO_PLACE, _HURRY))


def _ends_place(fact: Fact) -> bool:
    """Tell whether a fact is none of the place before it; the number of a house reads like a day."""
    if fact.name == "datetime":
        return not fact.value.endswith(("号", "號"))
    return fact.name in {"phone_number", "broadband_account", "duration", "amount"}


def place_said(text: str) -> str:
    """Return an address without the words around it: 我家住…, and marks at the end."""
    said = _TOLD.sub(" ", text).strip(_AROUND + "!！。.~")
    said = _without_talk(_CORRECTION.sub("", said) or said)
    said = _PREFIX.sub("", said)
    return _LEAD.sub("", said) or said


def with_house(place: str, text: str) -> str:
    """Return a place with the house that stands right behind it, which the pattern did not know: 李家村王家塘7号."""
    at = text.find(place)
    found = _HOUSE_BEHIND.match(text, at + len(place)) if at >= 0 and not place[-1:].isdigit() else None
    return place if found is None or _NO_PLACE.search(found[0]) or _TALK.search(found[0]) else place + found[0]


def without_lead(place: str) -> str:
    """Return a place without 写 or 係 before it."""
    return _PREFIX.sub("", place) or place


def _without_talk(said: str) -> str:
    """Drop the clauses before and after a place that only talk."""
    edges = [0, *(found.end() for found in _BREAK.finditer(said)), len(said)]
    parts = [(start, said[start:stop]) for start, stop in pairwise(edges) if stop > start]
    places = [at for at, (_, part) in enumerate(parts) if _tells_place(part)]
    if len(parts) < 2 or not places:
        return said
    first, last = 0, len(parts)
    while first < places[0] and _only_talks(parts[first][1]):
        first += 1
    while last - 1 > places[-1] and _only_talks(parts[last - 1][1]):
        last -= 1
    return "".join(part for _, part in parts[first:last]).strip(_AROUND + "!！。.~？?：:")


def _only_talks(part: str) -> bool:
    if _TALK.search(_bare(part)):
        return True
    return bool(_PEOPLE.search(part) or _NO_PLACE.search(part)) and not (_PLACE.search(part) or _OF_FIRM.search(part))


def _bare(part: str) -> str:
    return _BREAK.sub("", part)


def _tells_place(part: str) -> bool:
    """Tell whether a clause names a place, whatever is said around it."""
    if any(fact.name == "address" for fact in find_facts(part)):
        return True
    return bool(_PLACE.search(part)) and not _TALK.search(_bare(part))


def place_in_parts(text: str) -> str:
    """Return a place that is told in parts with talk between them: 鼓楼区，那个，老粮食局家属院; else nothing."""
    if len(text) > LONGEST_IN_PARTS or QUESTION.search(text):
        return ""
    for number in reversed([fact for fact in find_facts(text) if fact.name == "phone_number"]):
        text = f"{text[: number.start]} {text[number.end :]}"
    said = [_bare(part) for part in _BREAK.split(_TOLD.sub(" ", text)) if part]
    parts = [_LEAD.sub("", _PREFIX.sub("", _FILLED.sub("", part))) for part in said if not _only_talks(part)]
    places = [_is_part(part) for part in parts]
    return " ".join(parts) if len(said) > 1 and sum(places) > 1 and all(places) else ""


def _is_part(part: str) -> bool:
    if _NO_PLACE.search(part):
        return False
    house = len(part) <= LONGEST_REGION and _HOUSE.fullmatch(part)
    return bool(house) or _tells_place(part) or is_region_name(part)


def joined(known: str, said: str, *, anew: bool = False) -> str:
    """Return what was told of a place with what is told of it now; `anew`: after it was read back."""
    if said in known:
        # Told again by itself, most of it is the place: what stood around it was none.
        return said if anew and len(said) >= max(_LEAST_RETOLD, len(known) // 2) else known
    if _DISTRICT.search(known) and _BEGINS_ANEW.search(said):
        return said
    if _REGION.search(known) and not _REGION.search(said):
        return f"{known}{said}"
    if house := _HOUSE_PART.match(said):
        # 2单元501 goes behind 3号楼; 5号楼 takes its place.
        same = re.search(rf"\d+{house[1]}", known)
        if same is None:
            return f"{known} {said}"
        # 9幢1单元302 after 9幢: what is told behind it is new.
        return known[: same.start()] + house[0] + (said[house.end() :] or known[same.end() :])
    # 王楼村 after 沈丘县付井镇那个: the region before it stays.
    region = _REGIONS.match(known)
    return said if region is None or _BEGINS_ANEW.search(said) or is_region_name(said[:2]) else f"{region[0]}{said}"


def region_said(reading: Reading) -> str:
    """Return a region that is told by its bare name: 江津的嘛; nothing for anything else."""
    found = _SPOKEN_REGION.fullmatch(reading.text.strip())
    return found[1] if found is not None and is_region_name(found[1]) else ""


def regions_joined(one: str, other: str) -> str:
    """Return two regions that were told one after the other, the large one first."""
    first, then = (other, one) if other[:2] in _PROVINCES else (one, other)
    return then if first[:2] in then else f"{first}{then}"


def without_tail(place: str) -> str:
    """Return a place without its last clause."""
    return re.sub(r"[，,。\s]+[^，,。\s]+$", "", place)


def drops_tail(text: str) -> bool:
    """Tell whether the words want the last words of a place taken away: 后面那几个字去掉."""
    return bool(_TAIL_OFF.search(text))


def same_place(text: str, earlier: str) -> str:
    """Return the place of an earlier ticket that the words point at: 还是那个地址, 同一个小区5号楼."""
    found = _SAME_PLACE.search(text) if earlier else None
    if found is None or _OTHER_PLACE.search(text):
        return ""
    rest = _LEAD.sub("", text[found.end() :].strip(_AROUND + "的，!！。"))
    estate = _ESTATE.match(earlier)
    if rest and _tells_place(rest):
        return f"{estate[0]}{rest}" if estate else ""
    return earlier
