"""Chapter 8.3: a wrong table stops the start, and the error says where and what was expected."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bot.handbook.errors import TableError
from bot.handbook.tables import TABLES, load_handbook, read_table


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for path in TABLES.glob("*.yml"):
        text = re.sub(r"^version: \d+$", "version: 1", path.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text, "utf-8")
    return tmp_path


def spoil(path: Path, old: str, new: str) -> int:
    """Replace the first `old` in the file; return the line on which it stood."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def broken(tables: Path, file: str, old: str, new: str) -> tuple[TableError, int]:
    line = spoil(tables / file, old, new)
    with pytest.raises(TableError) as caught:
        load_handbook(tables)
    assert caught.value.file == str(tables / file)
    return caught.value, line


def test_a_type_that_came_after_the_start_has_its_name() -> None:
    book = load_handbook()
    earlier = replace(book, types={k: v for k, v in book.types.items() if k != "port_out"})

    assert earlier.type_of("port_out").title == book.types["port_out"].title


HEADS = [
    ("version: 1", "version: 0", "version", "a whole number of 1 or more, got 0"),
    ("version: 1", "version: 1.5", "version", "a whole number of 1 or more, got 1.5"),
    ("version: 1", "version: true", "version", "got True"),
    ("version: 1", "version: one", "version", "got 'one'"),
    ("effective: 2026-01-01", "effective: soon", "effective", "a date such as 2026-01-01"),
    ("effective: 2026-01-01", "effective: 2026-01-01T08:00:00", "effective", "without a time"),
    ("effective: 2026-01-01", "effective: 2026-01-01\nauthor: x", "author", "known keys"),
]
NAMES = ["teams.yml", "requests.yml", "deadlines.yml", "lifecycle.yml", "knowledge.yml"]


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize(("old", "new", "key", "expected"), HEADS)
def test_every_head_is_read_strictly(
    tables: Path, file: str, old: str, new: str, key: str, expected: str
) -> None:
    error, line = broken(tables, file, old, new)
    assert (error.key, error.line) == (key, line + new.count("\n"))
    assert expected in error.expected


@pytest.mark.parametrize("file", NAMES)
def test_a_head_without_basis_is_refused(tables: Path, file: str) -> None:
    text = (tables / file).read_text(encoding="utf-8")
    (tables / file).write_text(re.sub(r"(?m)^basis:.*\n", "", text, count=1), encoding="utf-8")
    with pytest.raises(TableError, match="basis: expected a text, but the key is missing"):
        load_handbook(tables)


TEAM = '{id: network, title: 网络维护组, duty: "00:00-24:00"}'
KIND = "kind: fault, title: 宽带故障"
STEP = "id: accept, title: 受理, from: [submitted], to: accepted"
HOLD = "{id: part, title: 等待备件, longest_h: 48, stops_clock: true}"
ENTRIES = [
    # teams
    ("teams.yml", TEAM, TEAM.replace("24:00", "25:00"), "duty", "hours such as 08:00-22:00"),
    ("teams.yml", TEAM, TEAM.replace("00:00-24", "22:00-06"), "duty", "hours such as"),
    ("teams.yml", TEAM, TEAM.replace("id: network, ", ""), "id", "the key is missing"),
    ("teams.yml", TEAM, TEAM.replace("}", ", phone: x}"), "phone", "known keys duty, id, title"),
    ("teams.yml", "id: field", "id: network", "id", "an id used once, but line 6 has 'network'"),
    ("teams.yml", "reception: care", "reception: nobody", "reception", "one of network, field"),
    ("teams.yml", TEAM, "网络维护组", "entry", "a mapping of keys to values"),
    # requests
    ("requests.yml", KIND, KIND.replace("fault", "breakage"), "kind", "one of consult, order"),
    ("requests.yml", "team: network", "team: plumbers", "team", "one of network, field"),
    ("requests.yml", KIND + ", team: network", KIND, "team", "the key is missing"),
    ("requests.yml", "needs: [address|", "needs: [shoe_size|", "needs", "got 'shoe_size'"),
    ("requests.yml", "needs: [address|", "needs: [address||", "needs", "got ''"),
    ("requests.yml", "title: 宽带故障", "title: ' '", "title", "a text that is not empty"),
    ("requests.yml", "title: 宽带故障", "title: 5", "title", "a text, got 5"),
    ("requests.yml", "title: 联系电话}", "title: 联系电话, ask: x}", "ask", "known keys id, title"),
    ("requests.yml", "title: 表扬}", "title: 表扬, team: care}", "team", "known keys id, kind"),
    ("requests.yml", "id: fault_tv", "id: fault_mobile", "id", "an id used once"),
    ("requests.yml", "spoken: 密码重置", "spoken: ''", "spoken", "a text that is not empty"),
    # deadlines
    ("deadlines.yml", "response_h: 1\n", "response_h: 0\n", "response_h", "got 0"),
    ("deadlines.yml", "response_h: 1\n", "response_h: .nan\n", "response_h", "got nan"),
    ("deadlines.yml", "response_h: 1\n", "response_h: soon\n", "response_h", "got 'soon'"),
    ("deadlines.yml", "resolution_h: 48", "resolution_h: 12", "response_h", "no more than reso"),
    ("deadlines.yml", "response_h: 24", "response_h: 25", "response_h", "24 or less"),
    ("deadlines.yml", "hours: always", "hours: whenever", "hours", "got 'whenever'"),
    ("deadlines.yml", "kinds: all, class: urgent", "kinds: [], class: urgent", "kinds", "at least"),
    ("deadlines.yml", "kinds: [consult]", "kinds: [talk]", "kinds", "got 'talk'"),
    ("deadlines.yml", "kinds: [consult]", "kinds: consult", "kinds", "a list of texts"),
    ("deadlines.yml", "class: major", "class: huge", "class", "one of urgent, major"),
    ("deadlines.yml", "urgency: major", "urgency: grave", "urgency", "one of general, major"),
    # lifecycle
    ("lifecycle.yml", STEP, STEP.replace("submitted", "asked"), "from", "got 'asked'"),
    ("lifecycle.yml", STEP, STEP.replace("[submitted]", "[]"), "from", "at least 1"),
    ("lifecycle.yml", STEP, STEP.replace("to: accepted", "to: heaven"), "to", "got 'heaven'"),
    ("lifecycle.yml", "who: [bot, staff", "who: [cat, staff", "who", "names out of customer"),
    ("lifecycle.yml", "needs: [person]", "needs: [money]", "needs", "got 'money'"),
    ("lifecycle.yml", "needs: [team, reason]", "needs: [team, team]", "needs", "each text once"),
    ("lifecycle.yml", "within_days: 30", "within_days: 0", "within_days", "got 0"),
    ("lifecycle.yml", "within_days: 30", "within_days: 2.5", "within_days", "a whole number"),
    ("lifecycle.yml", "within_days: 30", "within_weeks: 4", "within_weeks", "known keys"),
    ("lifecycle.yml", HOLD, HOLD.replace("48", "0"), "longest_h", "a number of 1 or more"),
    ("lifecycle.yml", HOLD, HOLD.replace("true", "maybe"), "stops_clock", "true or false"),
    ("lifecycle.yml", HOLD, HOLD.replace("}", ", note: x}"), "note", "known keys id"),
    ("lifecycle.yml", "已申请}", "已申请, final: true}", "final", "known keys id, title"),
    # knowledge
    ("knowledge.yml", "type: bill_query", "type: praise", "type", "one of fault_broadband"),
    ("knowledge.yml", "owner: 账务服务组", "owner: ''", "owner", "a text that is not empty"),
    ("knowledge.yml", "review: 2027-03-31", "review: 2027-02-31", "review", "a date such as"),
    ("knowledge.yml", "id: bill_month", "id: bill_balance", "id", "an id used once, but line"),
    ("knowledge.yml", "asks: [话费余额", "asks: [3, 话费余额", "asks", "a list of texts, got 3"),
    ("knowledge.yml", "asks: [话费余额", "asks: [查话费", "asks", "each text once"),
    ("knowledge.yml", "  title: 查询话费余额\n", "  titel: 查询话费余额\n", "title", "missing"),
]


@pytest.mark.parametrize(("file", "old", "new", "key", "expected"), ENTRIES)
def test_a_wrong_entry_is_named_by_file_line_and_key(
    tables: Path, file: str, old: str, new: str, key: str, expected: str
) -> None:
    error, line = broken(tables, file, old, new)
    assert error.key == key
    assert expected in error.expected
    # Where an entry takes several lines, a missing key is reported at its beginning.
    several = file in {"deadlines.yml", "knowledge.yml"}
    assert line - (3 if several else 0) <= error.line <= line
    assert str(error).startswith(f"{tables / file}:{error.line}: {key}: expected ")


@pytest.mark.parametrize(
    ("file", "pattern", "key", "expected"),
    [
        ("teams.yml", r"(?ms)^teams:\n.*?(?=^reception)", "teams", "the key is missing"),
        ("lifecycle.yml", r"(?m)^- \{id: on_hold, .*\n", "states", "the state on_hold"),
        ("lifecycle.yml", r"(?ms)^hold_reasons:.*", "hold_reasons", "the key is missing"),
        ("deadlines.yml", r"(?m)^- \{urgency: major, .*\n", "choice", "a line for consult with"),
        ("deadlines.yml", r"(?m)^- \{urgency: general, kinds: \[fault.*", "choice", "for order"),
        ("knowledge.yml", r"(?ms)^entries:.*", "entries", "the key is missing"),
    ],
)
def test_a_gap_in_a_table_is_refused(
    tables: Path, file: str, pattern: str, key: str, expected: str
) -> None:
    path = tables / file
    text, cut = re.subn(pattern, "", path.read_text(encoding="utf-8"), count=1)
    assert cut
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load_handbook(tables)
    assert caught.value.key == key
    assert expected in caught.value.expected


@pytest.mark.parametrize("file", NAMES)
def test_a_missing_file_is_named(tables: Path, file: str) -> None:
    (tables / file).unlink()
    with pytest.raises(TableError, match=f"{file}: expected the file, but it is missing"):
        load_handbook(tables)


@pytest.mark.parametrize(
    ("content", "line", "key", "expected"),
    [
        (b"", 1, "entry", "a mapping of keys to values, got None"),
        (b"- 1\n- 2\n", 1, "entry", "a mapping of keys to values"),
        (b"version: 1\nversion: 2\n", 2, "YAML", "well-formed YAML"),
        (b"version: 1\nbasis: [a\n", 3, "YAML", "well-formed YAML"),
        (b"version: 1\n\tbasis: x\n", 2, "YAML", "well-formed YAML"),
        (b"version: 1\nbasis: \xb2\xe2\n", 2, "encoding", "text in UTF-8"),
        (b"version: 1\neffective: 2026-01-01\n", 1, "basis", "the key is missing"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, content: bytes, line: int, key: str, expected: str
) -> None:
    path = tmp_path / "odd.yml"
    path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert expected in caught.value.expected


def test_a_head_is_read_into_values(tmp_path: Path) -> None:
    path = tmp_path / "small.yml"
    path.write_text('version: 3\neffective: 2026-05-01\nbasis: "2.4"\n', encoding="utf-8")
    _, head = read_table(path)
    assert (head.version, head.effective, head.basis) == (3, date(2026, 5, 1), "2.4")


def test_an_optional_text_may_be_left_out_but_not_left_blank(tmp_path: Path) -> None:
    path = tmp_path / "small.yml"
    path.write_text("version: 1\neffective: 2026-05-01\nbasis: x\nblank: ''\n", encoding="utf-8")
    row, _ = read_table(path)
    assert row.text("unless", "") == ""
    with pytest.raises(TableError, match=r"small\.yml:4: blank: expected a text that is not empty"):
        row.text("blank", "")


def test_the_project_loads_and_tells_the_version_of_every_table() -> None:
    handbook = load_handbook()
    assert {name.removesuffix(".yml") for name in NAMES} <= set(handbook.versions)
    assert all(version >= 1 for version in handbook.versions.values())


def test_the_fingerprint_changes_with_any_table_and_only_then(tables: Path) -> None:
    before = load_handbook(tables).fingerprint
    assert load_handbook(tables).fingerprint == before
    spoil(tables / "teams.yml", "客户关怀组", "客户服务组")
    assert load_handbook(tables).fingerprint != before


def test_the_fingerprint_sees_a_renamed_table(tables: Path) -> None:
    (tables / "extra.yml").write_text("version: 1\n", encoding="utf-8")
    before = load_handbook(tables).fingerprint
    (tables / "extra.yml").rename(tables / "other.yml")
    assert load_handbook(tables).fingerprint != before


def test_every_request_says_how_it_is_called_and_what_a_description_holds(tables: Path) -> None:
    types = load_handbook(tables).types

    assert (types["password_reset"].spoken, types["relocate"].spoken) == ("密码重置", "移机")
    assert types["plan_change"].tell != types["relocate"].tell
    assert [name for name, each in types.items() if each.kind.is_request and not each.tell] == []


def test_a_kind_without_a_description_is_refused(tables: Path) -> None:
    error, _ = broken(tables, "requests.yml", "{kind: safety, tell", "{kind: order, tell")

    assert (error.key, error.expected) == ("descriptions", "a line for safety")
