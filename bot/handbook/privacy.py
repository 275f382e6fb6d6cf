"""Privacy, 个人信息保护 (clause 4.4): what must not be written out, and how it is masked.

Pure functions over text: mobile numbers, ID numbers (GB 11643) and bank cards (Luhn).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

_GAP = r"[ \-\u00a0]?"
_MOBILE = re.compile(
    # Written in one piece it ends anywhere; with gaps it must not go on as a longer number.
    rf"(?<![\d*])(?:(?:\+|00)?86{_GAP})?(1[3-9]\d{{9}}(?!\d)|1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!{_GAP}\d))"
)
_SPOKEN_MOBILE = re.compile(
    r"(?<![零〇一二三四五六七八九幺两])[一幺壹][三四五六七八九叁肆伍陆柒捌玖]"
    r"[零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖](?:[，、,\s]?[零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]{4}){2}(?![零〇一二三四五六七八九幺十百])"
    r"|(?<!\d)1[3-9]\d[，、,]\d{4}[，、,]\d{4}(?!\d)"
)
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})([- ])(\d{7,8})(?!\d)|(?<![\dA-Za-z.])(010|02\d|0[3-9]\d\d)()([2-9]\d{6,7})(?!\d)")
_SAID = "零〇洞一幺妖二两三四五六七八九拐"
_MIXED_LANDLINE = re.compile(
    rf"(?<![\d{_SAID}.])([0零〇洞][\d{_SAID}]{{2,3}}[-\s()，]{{0,3}})([\d{_SAID}]{{3,4}})([-\s]?[\d{_SAID}]{{4}})(?![-\d{_SAID}十百千点])"
)
_SPACED_LANDLINE = re.compile(r"(?<![\d.年月])(0 ?(?:1 ?0|2 ?\d|[3-9] ?\d ?\d)[-\s]{0,2})([2-9](?:[- ]?\d){2,3})((?:[- ]?\d){4})(?![-\d])")
# Digits and characters in one number: 139零零零零七七八八, 幺三九 零零零零 二幺 二三.
_MIXED_MOBILE = re.compile(
    rf"(?<![\d{_SAID}壹])[1一幺妖壹][-\s]?[3-9三四五六七八九拐叁肆伍陆柒捌玖](?:[-\s]?[\d{_SAID}壹贰叁肆伍陆柒捌玖]){{9}}(?![\d{_SAID}十百千点])"
)
# A number with its area code that is read out: 零七五五 八六零三二幺四五.
SPOKEN_LANDLINE = re.compile(
    rf"(?<![\d{_SAID}十百千])([零〇洞]\s?(?:[一幺妖]\s?[零〇洞]|[二两]\s?[{_SAID}]|[三四五六七八九拐]\s?[{_SAID}]\s?[{_SAID}])[-，、,\s杠]{{0,2}})([二三四五六七八九拐两](?:[，、,\s]?[{_SAID}]){{2,3}})((?:[，、,\s]?[{_SAID}]){{4}})(?![\d{_SAID}十百千])"
)
_IDENTITY = re.compile(rf"(?<![\dA-Za-z])((?:\d{_GAP}){{17}}[\dXx])(?![\dA-Za-z])")
_CARD = re.compile(rf"(?<![\dA-Za-z])(\d(?:{_GAP}\d){{15,18}})(?![\dA-Za-z])")
_CARD_WORD = re.compile(r"(?:银行卡|储蓄卡|信用卡|卡号|账户|账号|帐号)[^。！？；\n]{0,8}$")
_IDENTITY_WORD = re.compile(r"(?:身份证|证件)[^。！？；，\n]{0,8}$")
_NUMBER_WORD = re.compile(
    r"(?:工单|受理|订单|流水|单号|编号|交易|iccid|ICCID|EID|eid|SIM|串号|IMEI|imei)[^。！？；，\n]{0,6}$"
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True)
class Secret:
    """Personal data found in a text; `kind` is phone, identity or bank_card."""

    kind: str
    start: int
    end: int
    digits: str


def is_identity_number(value: str) -> bool:
    """Check the date and the check character of an 18-character ID number (GB 11643)."""
    if not re.fullmatch(r"[1-9]\d{16}[\dXx]", value, re.ASCII):
        return False
    try:
        born = date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, value, strict=False))
    return born.year >= 1900 and "10X98765432"[total % 11] == value[17].upper()


def passes_luhn(digits: str) -> bool:
    """Check the last digit of a card number (Luhn)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def find_phones(text: str) -> Iterator[Secret]:
    """Find complete mobile numbers, also with gaps, in full width or in characters."""
    plain = text.translate(_FULL_WIDTH)
    for match in _MOBILE.finditer(plain):
        yield Secret("phone", *match.span(1), re.sub(r"\D", "", match[1]))
    spoken = list(_SPOKEN_MOBILE.finditer(plain))
    for match in spoken:
        yield Secret("phone", *match.span(), re.sub(r"[，、,\s]", "", match[0]))
    for match in _MIXED_MOBILE.finditer(plain):
        found = any(each.start() < match.end() and match.start() < each.end() for each in spoken)
        if not found and not match[0].isascii():
            yield Secret("phone", *match.span(), re.sub(r"[-，、,\s]", "", match[0]))


def find_identities(text: str) -> Iterator[Secret]:
    """Find ID numbers: right by their check character, or named as such."""
    plain = text.translate(_FULL_WIDTH)
    for match in _IDENTITY.finditer(plain):
        value = re.sub(r"[^\dXx]", "", match[1])
        before = plain[: match.start()]
        named = _IDENTITY_WORD.search(before) and not _NUMBER_WORD.search(before)
        if named or (is_identity_number(value) and not _NUMBER_WORD.search(before)):
            yield Secret("identity", *match.span(1), value)


def find_bank_cards(text: str) -> Iterator[Secret]:
    """Find card numbers: right by Luhn, or named as such; never an ICCID (89…)."""
    plain = text.translate(_FULL_WIDTH)
    for match in _CARD.finditer(plain):
        value = re.sub(r"\D", "", match[1])
        before = plain[: match.start()]
        if _NUMBER_WORD.search(before) or is_identity_number(value):
            continue
        if _CARD_WORD.search(before) or (passes_luhn(value) and not value.startswith("89")):
            yield Secret("bank_card", *match.span(1), value)


def find_secrets(text: str) -> list[Secret]:
    """Find all personal numbers of a text, in order, none twice."""
    found: list[Secret] = []
    for secret in (*find_identities(text), *find_bank_cards(text), *find_phones(text)):
        if not any(old.start < secret.end and secret.start < old.end for old in found):
            found.append(secret)
    return sorted(found, key=lambda secret: secret.start)


def mask_phone(number: str) -> str:
    """Keep the first three and the last four digits of a phone number."""
    return _mask_middle(number, 3, 4)


def mask_identity(number: str) -> str:
    """Keep only the last four characters of an ID number."""
    return _mask_middle(number, 0, 4)


def mask_bank_card(number: str) -> str:
    """Keep only the last four digits of a card number."""
    return _mask_middle(number, 0, 4)


def mask_name(name: str) -> str:
    """Keep the surname: 李某某 becomes 李**."""
    return name[:1] + "*" * (len(name) - 1)


def mask(text: str) -> str:
    """Mask every personal number of a text; the rest stays as it is."""
    return _masked(text, lambda hidden, _written: hidden)


def mask_in_place(text: str) -> str:
    """Mask every personal number and keep its gaps, so that offsets still fit the text."""
    return _masked(text, _with_gaps)


def mask_data(value: Any) -> Any:
    """Mask every text within plain data, however deep; names of keys stay."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: mask_data(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask_data(each) for each in value]
    return value


def _masked(text: str, write: Callable[[str, str], str]) -> str:
    masks = {"phone": mask_phone, "identity": mask_identity, "bank_card": mask_bank_card}
    out, last = [], 0
    for secret in find_secrets(text):
        out.append(text[last : secret.start])
        hidden = masks[secret.kind](secret.digits)
        out.append(write(hidden, text[secret.start : secret.end]))
        last = secret.end
    masked = "".join(out) + text[last:]
    for pattern in (_PASSWORD, _NEW_PASSWORD):
        masked = pattern.sub(lambda m: f"{m[1]}{'*' * len(m[2])}", masked)
    for pattern in (SPOKEN_LANDLINE, _SPACED_LANDLINE, _MIXED_LANDLINE):
        # Full width is read as half width; what is not hidden stays as it was written.
        for found in pattern.finditer(masked.translate(_FULL_WIDTH)):
            start, stop = found.span(2)
            masked = f"{masked[:start]}{re.sub('[^ ，、,-]', '*', masked[start:stop])}{masked[stop:]}"
    return _LANDLINE.sub(_landline_masked, masked)


def _landline_masked(found: re.Match[str]) -> str:
    area, gap, number = (part for part in found.groups() if part is not None)
    return f"{area}{gap and '-'}{'*' * (len(number) - 4)}{number[-4:]}"


# A password or code in a customer's words, and the new one after it: 密码是…帮我改成….
_PASSWORD = re.compile(
    r"((?:密码|口令|验证码|PIN码?|PUK码?)(?:是|为|:|：|叫|改成|改为|换成|\s){0,3})"
    r"((?=[A-Za-z]*\d)[A-Za-z0-9]{4,16})(?![A-Za-z0-9])"
)
_NEW_PASSWORD = re.compile(
    r"(\*{4}\D{0,8}?(?:改成|改为|换成)\s?)((?=[A-Za-z]*\d)[A-Za-z0-9]{4,16})(?![A-Za-z0-9])"
)


def _with_gaps(hidden: str, written: str) -> str:
    marks = iter(hidden)
    return "".join(next(marks) if each.isalnum() else each for each in written)


def _mask_middle(number: str, first: int, last: int) -> str:
    hidden = max(len(number) - first - last, 0)
    return number[:first] + "*" * hidden + number[len(number) - last :]
