"""Texts read in bulk as the desk has them read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.coach.understood import understood
from bot.handbook.requests import Urgency
from bot.handbook.urgency import Signal
from bot.nlu.reader import Reader, Reading

HOME, BLOCK = "幸福小区3栋2单元宽带断了", "幸福小区3栋2单元全断网了"


class Heard(Reader):
    """Hears several homes in every house number, and in 全断网."""

    def __init__(self, demanded: str = "") -> None:
        self.demanded, self.asked = demanded, list[str]()

    def read(self, texts: Sequence[str], *, ranking: int = 5) -> Iterator[Reading]:
        """Tell what is heard of each text."""
        self.asked += texts
        for text in texts:
            level = "urgent" if "栋" in text or "全断网" in text else "general"
            signals = (Signal("x", "征象", Urgency.URGENT, 0, 2, "2.4"),) if text == self.demanded else ()
            yield Reading((("fault_broadband", 0.9),), level, 0.7, (0.1, 0.2, 0.7), signals)


def test_what_only_the_place_says_is_no_urgency() -> None:
    reader = Heard()

    assert [read.urgency for read in understood(reader, [HOME, BLOCK, "网慢"])] == ["general", "urgent", "general"]
    assert len(reader.asked) == 5


def test_what_a_signal_demands_is_not_asked_again() -> None:
    reader = Heard(demanded=HOME)

    assert [read.urgency for read in understood(reader, [HOME])] == ["urgent"]
    assert reader.asked == [HOME]
