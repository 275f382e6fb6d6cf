"""The texts of `domain.yml` (话术), for what the desk says without Rasa."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Any

from ruamel.yaml import YAML

from bot.handbook.errors import DeskError

EXAMPLES = {
    "number": "T20260302-000001", "respond_by": "3月2日（周一）18:00", "position": "2",
    "resolve_by": "3月3日（周二）18:00", "opens_at": "3月3日（周二）08:00", "minutes": "6",
    "count": "2", "score": "5", "due_words": "3月3日（周二）18:00前处理完成",
    "lines": "T20260302-000001（宽带故障，处理中，3月3日18:00前处理完成）", "area": "幸福小区",
    "improve_by": "3月3日（周二）18:00", "days": "30", "noted": "地址、联系电话",
    "new_time": "3月4日（周三）18:00", "answer": "您可以在官方App查询账单。",
}
DOMAIN = Path(__file__).resolve().parent.parent.parent / "domain.yml"


class Texts:
    """Hold the unconditional texts and buttons of the domain's responses."""

    def __init__(self, responses: dict[str, list[dict[str, Any]]]) -> None:
        self._texts: dict[str, dict[str, Any]] = {}
        for name, variations in responses.items():
            plain = [v for v in variations if "condition" not in v]
            self._texts[name] = (plain or variations)[0]

    def render(self, name: str, **values: Any) -> str:
        """Return the text with its values; raise `DeskError` when a name or value is missing."""
        if name not in self._texts:
            raise DeskError("text_missing", f"domain.yml has no response {name}", name=name)
        text = str(self._texts[name]["text"])
        missing = [f for _, f, _, _ in Formatter().parse(text) if f and f not in values]
        if missing:
            raise DeskError("value_missing", f"{name} needs {', '.join(missing)}", name=name)
        return text.format(**values)

    def raw(self, name: str) -> str:
        """Return the text with example values in place of its fields, as a check reads it."""
        text = str(self._texts[name]["text"])
        fields = {f for _, f, _, _ in Formatter().parse(text) if f}
        return text.format(**{field: EXAMPLES.get(field, "宽带故障") for field in fields})

    def buttons(self, name: str) -> list[dict[str, str]]:
        """Return the buttons that belong to a text."""
        return [dict(button) for button in self._texts.get(name, {}).get("buttons", [])]

    def names(self) -> list[str]:
        """Return every response name."""
        return list(self._texts)


def load_texts(path: Path = DOMAIN) -> Texts:
    """Read the responses of the domain file."""
    return Texts(YAML(typ="safe").load(path.read_text(encoding="utf-8"))["responses"])
