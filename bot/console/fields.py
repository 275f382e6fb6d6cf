"""Fields (字段) of bodies and queries: their kinds, and what is refused by name."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from bot.handbook.errors import DeskError

BIGGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class Field:
    """Describe one value of a body or query: kind is text, whole, number, flag, texts, object."""

    name: str
    kind: str = "text"
    required: bool = False
    most: int = 2_000
    about: str = ""
    options: tuple[str, ...] = ()

    def read(self, value: Any) -> Any:
        """Return the checked value; raise `DeskError` with the field's name."""
        checked = _READERS[self.kind](self, value)
        if self.options and checked not in self.options:
            raise self.wrong(f"应为 {'、'.join(self.options)} 之一")
        return checked

    def wrong(self, expected: str, *, code: str = "invalid") -> DeskError:
        """Make the error of this field."""
        return DeskError(code, f"{self.name} {expected}", field=self.name)


def _text(spec: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise spec.wrong("应为文本")
    if len(value) > spec.most:
        raise spec.wrong(f"最长 {spec.most} 个字符，收到 {len(value)} 个", code="too_long")
    # Neither database takes a NUL or half a surrogate pair.
    if "\x00" in value or any("\ud800" <= ch <= "\udfff" for ch in value):
        raise spec.wrong("含有不能保存的字符")
    if spec.required and not value.strip():
        raise spec.wrong("不能为空")
    return value


def _whole(spec: Field, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= BIGGEST_ID:
        raise spec.wrong("应为非负整数")
    return value


def _number(spec: Field, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)) > 20:
        raise spec.wrong("应为数字")
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise spec.wrong("应为数字") from None
    if not number.is_finite():
        raise spec.wrong("应为数字")
    return number


def _flag(spec: Field, value: Any) -> bool:
    if isinstance(value, str):
        value = {"1": True, "true": True, "0": False, "false": False}.get(value)
    if not isinstance(value, bool):
        raise spec.wrong("应为 true 或 false")
    return value


def _texts(spec: Field, value: Any) -> list[str]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part]
    if not isinstance(value, list) or len(value) > 500:
        raise spec.wrong("应为文本列表，最多500项")
    one = Field(spec.name, most=200)
    return [_text(one, item) for item in value]


def _object(spec: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise spec.wrong("应为对象")
    if len(jsonlib.dumps(value)) > max(spec.most, 20_000):
        raise spec.wrong("内容太多，请分几次", code="too_long")
    for key, item in value.items():
        _text(Field(spec.name, most=200), key)
        if isinstance(item, str):
            _text(Field(f"{spec.name}.{key}", most=5_000), item)
    return value


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "whole": _whole,
    "number": _number,
    "flag": _flag,
    "texts": _texts,
    "object": _object,
}


def day_of(text: str | None) -> date | None:
    """Read a day such as 2026-03-02; raise for anything else."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DeskError("invalid", "日期应为 YYYY-MM-DD", value=text) from None
    if not 2000 <= day.year <= 2200:
        raise DeskError("invalid", "日期应在 2000 年到 2200 年之间", value=text)
    return day
