"""`intake lint` and `intake language` on the command line."""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from bot.coach import language, lint
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import RuleNotFound


@pytest.fixture
def few_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `intake language` read two tables; all of them take ten seconds."""
    for name in ("format.yml", "length.yml", "classes.yml"):
        shutil.copy(language.TABLES / name, tmp_path)
    monkeypatch.setattr(language, "TABLES", tmp_path)


def _lint(text: str, monkeypatch: pytest.MonkeyPatch, capsys, *options: str) -> str:
    parser = argparse.ArgumentParser()
    lint.add_arguments(parser)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert lint.run(parser.parse_args(["--no-opinion", *options])) == 0
    return capsys.readouterr().out


def _language(*words: str) -> int:
    parser = argparse.ArgumentParser()
    language.add_arguments(parser)
    return language.run(parser.parse_args(words))


def test_json_lines_keep_their_fields_and_their_order(monkeypatch, capsys) -> None:
    rows = [
        {"id": 1, "text": "验证码发我。", "speaker": "staff"},
        {"id": 2, "text": "已为您退订，次月1日生效。", "context": "vas_cancel"},
    ]
    out = _lint("\n".join(json.dumps(row) for row in rows), monkeypatch, capsys)
    first, second = (json.loads(line) for line in out.splitlines())

    assert (first["id"], first["verdict"]) == (1, "block")
    assert (second["id"], second["verdict"], second["findings"]) == (2, "pass", [])


def test_plain_text_is_shown_with_carets(monkeypatch, capsys) -> None:
    out = _lint("好的？？\n", monkeypatch, capsys)

    assert "^^^^" in out
    assert "FMT-01" in out


def test_facts_and_turn_of_a_line_are_used(monkeypatch, capsys) -> None:
    row = {"text": "我们三天内解决。", "facts": {"deadline_h": 24}}
    [line] = _lint(json.dumps(row), monkeypatch, capsys).splitlines()

    assert "ACC-01" in [each["rule"] for each in json.loads(line)["findings"]]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("speaker", "agent", "bot, staff"),
        ("turn", 5, "first, mid, close"),
        ("context", "宽带", "fault, .*general or a request type"),
        ("facts", "x", "an object"),
    ],
)
def test_a_value_that_there_is_not_is_named_and_no_row_is_lost(monkeypatch, capsys, field, value, allowed) -> None:
    rows = [{"text": "好的？？"}, {"text": "好的？？", field: value}, {"text": "好的？？", "context": "vas_cancel"}]
    parser = argparse.ArgumentParser()
    lint.add_arguments(parser)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(json.dumps(row) for row in rows)))
    lint.run(parser.parse_args(["--no-opinion"]))
    out, told = capsys.readouterr()

    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["warn", "warn", "warn"]
    assert json.loads(out.splitlines()[1])[field] == value
    assert re.fullmatch(f"line 2: {field}: expected {allowed}, not .*{value}.*; checked without it\n", told)


@pytest.mark.parametrize(
    "facts",
    [{"state": ["x"], "deadline_h": 24}, *({name: "9999-12-31T23:59:59+08:00"} for name in ("now", "resolve_by", "respond_by")),
     {"appointment": "0001-01-01T00:00:00+14:00"}],
    ids=str,
)  # fmt: skip
def test_no_facts_end_a_batch(monkeypatch, capsys, facts: dict[str, object]) -> None:
    text = "我们三天内给您处理，明天下午3点上门，48小时内解决，24小时内联系您。"

    assert _lint(json.dumps({"text": text, "facts": facts}), monkeypatch, capsys).count("verdict") == 1


def test_an_option_that_names_no_context_is_refused(monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit):
        _lint("好的", monkeypatch, capsys, "--context", "宽带")

    assert "or a request type" in capsys.readouterr().err
    assert "好的" in _lint("好的", monkeypatch, capsys, "--context", "vas_cancel")


@pytest.mark.parametrize("line", ["{", '{"x": 1}', '{"text": 1}'])
def test_a_line_that_cannot_be_read_is_named(monkeypatch, capsys, line: str) -> None:
    with pytest.raises(lint.BadLine, match="line 1"):
        _lint(line, monkeypatch, capsys)


def test_files_are_read_and_written(tmp_path, monkeypatch, capsys) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "好的"}\n', encoding="utf-8")
    _lint("", monkeypatch, capsys, "--input", str(source), "--output", str(target))

    assert json.loads(target.read_text(encoding="utf-8"))["verdict"] == "warn"


def test_a_rule_is_explained_with_its_examples(capsys) -> None:
    assert _language("explain", "PRV-04") == 0
    out = capsys.readouterr().out
    assert "不可强制发送" in out
    assert "短信里那串数字念我听下" in out


@pytest.mark.parametrize("words", [("explain", "FMT-99"), ("check", "FMT-99"), ("check", "LEN", "fmt"), ("check", "NOPE")])
def test_an_unknown_rule_is_refused_with_those_near_it(few_tables: None, words: tuple[str, ...]) -> None:
    with pytest.raises(RuleNotFound, match=f"{words[-1]}.*FMT"):
        _language(*words)


@pytest.mark.parametrize(("name", "told"), [("FMT-01", "FMT-01 is there already.*FMT-"), ("x;y", "an id like FMT-01")])
def test_no_draft_takes_the_place_of_a_rule(name: str, told: str) -> None:
    with pytest.raises(DeskError, match=told):
        _language("new", name)


def test_a_draft_names_the_new_rule(capsys) -> None:
    assert _language("new", "FMT-08") == 0
    assert "- id: FMT-08" in capsys.readouterr().out


def test_sound_tables_pass_the_check(few_tables: None, capsys) -> None:
    assert _language("check", "FMT") == 0
    assert _language("check", "LEN-01") == 0
    assert "0 problems" in capsys.readouterr().out


def test_a_number_in_a_wrong_value_is_told_masked(monkeypatch, capsys) -> None:
    parser = argparse.ArgumentParser()
    lint.add_arguments(parser)
    row = {"text": "好的", "facts": "电话13812345678，请回电"}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(row)))
    lint.run(parser.parse_args(["--no-opinion"]))

    assert "138****5678" in (told := capsys.readouterr().err)
    assert "13812345678" not in told
