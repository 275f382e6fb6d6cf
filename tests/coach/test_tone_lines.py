"""Lines that tone, second opinion and ear learn from: whole replies, and the sentences in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.coach.tone_lines import DATA, FINE, read_lines
from bot.handbook.errors import TableError


def read(folder: Path, *rows: str) -> list[tuple[str, str]]:
    (folder / "replies").mkdir(exist_ok=True)
    (folder / "replies" / "some.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return [(line.text, line.family) for line in read_lines(folder, None)]


def test_of_a_bad_reply_the_sentence_with_the_bad_part_is_bad_and_of_others_nothing_is_known(
    tmp_path: Path,
) -> None:
    reply = "查到了，是会员费。自己点的还来问。请您看短信。"
    assert read(tmp_path, f"blame_customer\t还来问\t{reply}") == [
        (reply, "blame_customer"),
        ("自己点的还来问", "blame_customer"),
    ]


def test_of_a_fine_reply_every_sentence_is_fine(tmp_path: Path) -> None:
    reply = "查到了，是会员费。请您看短信。"
    assert read(tmp_path, f"fine\t\t{reply}", "fine\t\t已为您登记。") == [
        (reply, FINE),
        ("查到了，是会员费", FINE),
        ("请您看短信", FINE),
        ("已为您登记。", FINE),
    ]


@pytest.mark.parametrize(
    "row", ["fine\t已登记\t已登记。", "insult\t\t你烦不烦。", "insult\t你走\t你烦不烦。", "fine\t已登记。", ""]
)
def test_a_reply_that_is_not_in_the_form_is_named(tmp_path: Path, row: str) -> None:
    with pytest.raises(TableError, match=r"some\.tsv:2"):
        read(tmp_path, "fine\t\t已为您登记。", row, "fine\t\t请稍候。")


def test_there_are_thousands_of_whole_replies_about_half_of_them_fine() -> None:
    rows = [
        row.split("\t")[0]
        for path in DATA.glob("replies/*.tsv")
        for row in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) > 7_000
    assert 0.45 < rows.count(FINE) / len(rows) < 0.6
