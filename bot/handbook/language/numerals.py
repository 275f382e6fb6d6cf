"""Chinese numerals, 中文数字: as far as times and amounts need them (up to 万)."""

from __future__ import annotations

NUMERAL = r"(?:\d+(?:\.\d+)?|[零〇一二两俩仨三四五六七八九十百千]+)"
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2, "仨": 3}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}


def read_numeral(text: str) -> float | None:
    """Read 15, 1.5, 十五, 二十四, 一百零五, 二〇二六; None if it is no number."""
    cleaned = text.replace(",", "")
    try:
        # float() also takes words such as "nan", which never get here through NUMERAL.
        return float(cleaned) if cleaned[:1].isascii() and cleaned else _read_characters(cleaned)
    except ValueError:
        return None


def _read_characters(text: str) -> float | None:
    if not text or any(char not in _DIGITS and char not in _UNITS for char in text):
        return None
    if not any(char in _UNITS for char in text):
        return float("".join(str(_DIGITS[char]) for char in text))
    total, section, digit = 0, 0, 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char == "万":
            total, section, digit = (total + section + digit) * 10000, 0, 0
        else:
            section += (digit or 1) * _UNITS[char]
            digit = 0
    return float(total + section + digit)
