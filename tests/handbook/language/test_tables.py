"""Tables are decoded strictly: each mistake is told with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.pattern import branches
from bot.handbook.language.tables import read_tables, read_what_can_be_read

TABLE = """\
version: 1
effective: 2026-01-01
basis: 2.3
group: TST
title: 试
classes:
  unknown: [不知道, 不清楚]
checks:
- id: TST-01
  title: 一问三不知
  kind: pattern
  level: block
  pattern: '我{unknown}'
  antipatterns: [我不清楚之处]
  message: 请核实后答复。
  basis: 2.2
  owner: 服务质量组
  since: 2026-01-01
  bad:
  - {text: 我不知道。, span: 不知道}
  - {text: 我不清楚！, span: 不清楚}
  - {text: 这我不知道, span: 我不知道}
  good:
  - {text: 如我不清楚之处请指正。}
  - {text: 不知道您方便吗？}
  - {text: 我为您核实。}
"""

MISTAKES = [
    # (what is replaced, by what, line, key, part of what is expected)
    ("  kind: pattern", "  kind: regex", 11, "kind", "phrase"),
    ("  level: block", "  level: error", 12, "level", "block"),
    ("  level: block", "  levle: block", 12, "levle", "one of"),
    ("  owner: 服务质量组\n", "", 9, "owner", "to be there"),
    ("{unknown}'", "{unknwon}'", 13, "pattern", "unknwon"),
    ("'我{unknown}'", "'我({unknown}'", 13, "pattern", "regular expression"),
    ("since: 2026-01-01", "since: 1. Januar", 18, "since", "date"),
    ("  - {text: 这我不知道, span: 我不知道}\n", "", 20, "bad", "at least 3"),
    ("span: 我不知道}", "sapn: 我不知道}", 22, "sapn", "one of"),
    ("id: TST-01", "id: TST-1", 9, "id", "TST-01"),
    ("  pattern: '我{unknown}'\n", "", 9, "checks", "pattern"),
    ("version: 1", "version: new", 1, "version", "number"),
    ("title: 试", "title: [", 5, "YAML", "readable"),
    ("  kind: pattern", "  kind: fact\n  function: moon", 9, "checks", "function"),
    ("- id: TST-01", "- id: TST-01\n  id: TST-02", 10, "id", "once"),
    ("  message: 请", "  scopes: [moon]\n  message: 请", 15, "scopes", "quote"),
    ("  message: 请", "  override: maybe\n  message: 请", 15, "override", "true or false"),
    ("  message: 请", "  yields_to: [TST-09]\n  message: 请", 9, "yields_to", "TST-09"),
    ("  message: 请", "  spared_by: '('\n  message: 请", 15, "spared_by", "regular expression"),
    ("  message: 请", "  fix: {op: replace}\n  message: 请", 15, "fix", "with"),
]


def _write(directory: Path, text: str) -> Path:
    file = directory / "test.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_sound_table_is_read(tmp_path: Path) -> None:
    _write(tmp_path, TABLE)

    [rule] = read_tables(tmp_path).rules
    assert (rule.id, rule.report, rule.line) == ("TST-01", "TST-01", 9)


@pytest.mark.parametrize(("old", "new", "line", "key", "expected"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, line: int, key: str, expected: str
) -> None:
    assert old in TABLE
    file = _write(tmp_path, TABLE.replace(old, new, 1))

    with pytest.raises(TableError) as caught:
        read_tables(tmp_path)
    assert (caught.value.file, caught.value.key) == (str(file), key)
    assert abs(caught.value.line - line) <= (2 if key == "YAML" else 0)
    assert expected in caught.value.expected


def test_an_id_is_given_once(tmp_path: Path) -> None:
    _write(tmp_path, TABLE)
    (tmp_path / "again.yml").write_text(TABLE, encoding="utf-8")

    with pytest.raises(TableError, match="TST-01 is taken"):
        read_tables(tmp_path)


def test_a_broken_table_does_not_hide_the_others(tmp_path: Path) -> None:
    _write(tmp_path, TABLE)
    (tmp_path / "broken.yml").write_text("- 1", encoding="utf-8")
    tables, problems = read_what_can_be_read(tmp_path)

    assert len(tables.rules) == len(problems) == 1


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="at least one"):
        read_tables(tmp_path)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("甲|乙丙", ["甲", "乙丙"]),
        ("甲(?:乙|丙)|[|)]丁", ["甲(?:乙|丙)", "[|)]丁"]),
        (r"甲\|乙|(?i:x|y)z", [r"甲\|乙", "(?i:x|y)z"]),
        (r"(.)\1|乙", [r"(.)\1|乙"]),
    ],
)
def test_a_pattern_is_cut_at_its_outermost_alternatives(source: str, parts: list[str]) -> None:
    assert branches(source) == parts
