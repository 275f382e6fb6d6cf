"""Files of lines: nothing is lost, and what is wrong is said in one line with the way out."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.coach.examples import read_examples
from bot.coach.line_files import BadFile, BadLine, as_line, lines_of, readable, written_to

CUT = "宽带断了\ud83d"


def lint(*arguments: str) -> int:
    return main(["lint", "--no-opinion", *arguments])


@pytest.fixture
def replies(tmp_path: Path) -> Path:
    file = tmp_path / "replies.jsonl"
    file.write_text('{"id": 1, "text": "您好，马上为您核实"}\n{"id": 2, "text": "好的"}\n', encoding="utf-8")
    return file


def test_a_file_can_be_its_own_target(replies: Path) -> None:
    assert lint("--input", str(replies), "--output", str(replies)) == 0

    rows = [json.loads(line) for line in replies.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], "verdict" in row) for row in rows] == [(1, True), (2, True)]


def test_what_stood_there_stays_when_the_input_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "gbk.txt", tmp_path / "old.jsonl"
    source.write_bytes("您好".encode("gbk"))
    target.write_text("before", encoding="utf-8")

    assert lint("--input", str(source), "--output", str(target)) == 1
    assert target.read_text(encoding="utf-8") == "before"
    assert "iconv" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_a_byte_order_mark_is_none_of_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "excel.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + '{"id": 1, "text": "您好"}\n'.encode())

    assert lint("--input", str(source)) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 1


def test_half_a_character_breaks_no_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "cut.jsonl"
    source.write_text(json.dumps({"text": CUT}) + "\n", encoding="utf-8")

    assert lint("--input", str(source)) == 0
    assert json.loads(capsys.readouterr().out)["text"] == CUT
    assert readable(CUT) == "宽带断了?"
    assert "宽带" in as_line({"text": "宽带"})


@pytest.mark.parametrize("place", ["nowhere.txt", "."])
@pytest.mark.parametrize("verb", ["lint", "classify"])
def test_a_missing_file_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--no-opinion"] if verb == "lint" else []

    assert main([verb, *options, "--input", place]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"intake {verb}: {place}: ")


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="nowhere"), written_to(str(tmp_path / "nowhere" / "x")) as stream:
        stream.write("x")


def test_a_killed_run_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "old"
    target.write_text("before", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), written_to(str(target)) as stream:
        stream.write("half")
        raise KeyboardInterrupt

    assert target.read_text(encoding="utf-8") == "before"


def test_standard_input_may_have_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\n"), encoding="utf-8"))
    with lines_of("-") as lines:
        assert list(lines) == ["a\n"]


@pytest.mark.parametrize(
    ("line", "told"),
    [('{"text": "断"}', "line 1"), ("[1]", "line 1"), ("{", "line 1"), ('{"text": "断", "type": "x", "alt": 5}', "alt")],
)
def test_a_wrong_labelled_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(line + "\n", encoding="utf-8")

    with pytest.raises(BadLine, match=told):
        read_examples(file)


@pytest.mark.parametrize("name", ["nowhere.jsonl", "nowhere.yml", "no_yaml.yml", "other.yml"])
def test_a_file_that_holds_no_sentences_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "no_yaml.yml").write_text("a: [", encoding="utf-8")
    (tmp_path / "other.yml").write_text("a: 1", encoding="utf-8")

    with pytest.raises(BadFile):
        read_examples(tmp_path / name)


def test_an_evaluation_set_that_is_not_there_is_no_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coach", "data", "--against", "/nowhere.jsonl"]) == 1
    assert "/nowhere.jsonl" in capsys.readouterr().err


def test_a_link_stays_one_and_who_may_read_stays_as_it_was(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("before", encoding="utf-8")
    real.chmod(0o600)
    link.symlink_to(real)
    with written_to(str(link)) as stream:
        stream.write("after")

    assert (link.is_symlink(), real.read_text(encoding="utf-8"), real.stat().st_mode & 0o777) == (True, "after", 0o600)


@pytest.mark.parametrize(
    "text", ["nlu:\n- intent: a\n  examples: |\n    - 断了\n", "nlu: [{}]\n", "nlu:\n- intent: a\n  examples:\n  - {text: 5}\n"]
)
def test_training_data_of_another_form_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")

    with pytest.raises(BadFile, match="expected"):
        read_examples(tmp_path / "a.yml")
