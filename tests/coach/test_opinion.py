"""The second opinion: warns at most, stays quiet on fine sentences, and is fitted only once."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.coach import lint, opinion
from bot.coach.tone_lines import TITLES, read_lines
from bot.handbook.language.checker import load_checker
from bot.handbook.language.finding import UNNAMED, Level

FAMILIES = ("fine", "insult", "threat")


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentences")
    for family in FAMILIES:
        lines = (opinion.DATA / f"{family}.txt").read_text(encoding="utf-8").splitlines()[:120]
        (folder / f"{family}.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def fitted(sentences: Path, tmp_path_factory: pytest.TempPathFactory) -> opinion.Opinion:
    return opinion.load_opinion(sentences, tmp_path_factory.mktemp("home"), None, deaf=True)


def test_a_sentence_like_those_of_a_family_is_named(fitted: opinion.Opinion) -> None:
    family, confidence = fitted.classify("你是不是脑子有病，废话一箩筐")

    assert family == "insult"
    assert 0.5 < confidence <= 1.0


def test_a_finding_warns_at_most_and_names_its_family(fitted: opinion.Opinion) -> None:
    found = [each for line in read_lines()[::7] if (each := fitted.finding(line.text))]

    assert found
    assert {each.level for each in found} == {Level.WARN}
    assert {each.rule for each in found} <= {"OPN-insult", "OPN-threat"}


def test_what_no_rule_names_is_told_what_it_is_like(fitted: opinion.Opinion) -> None:
    checker = load_checker(verify=False)
    text = next(each.text for each in checker.explain("TON-32").bad)
    alone = checker.check(text)
    [told] = alone.hinted(fitted, text).findings
    [before] = alone.findings

    assert before.report == UNNAMED
    assert told == replace(before, message=f"{before.message}最像“{fitted.likeness(text)}”。")
    assert fitted.likeness("你是不是脑子有病，废话一箩筐") == "辱骂"
    named = checker.check("我不知道，你去问别人吧。")
    assert named.findings and named.hinted(fitted, "…") == named


def test_only_the_loudest_sentence_is_marked(fitted: opinion.Opinion) -> None:
    text = "已为您登记。神经病吧，大半夜问流量。"
    finding = fitted.finding(text)

    assert finding is None or text[finding.start : finding.end] == "神经病吧，大半夜问流量"


def test_fine_sentences_are_rarely_warned_of() -> None:
    wanted = ("fine",) * 200 + ("threat",) * 2
    trial = opinion.Trial(wanted, (*(at / 200 for at in range(200)), 1.0, 0.1))

    assert trial.false_alarms(trial.threshold()) <= opinion.FALSE_ALARMS
    assert trial.recall(trial.threshold()) == 0.5


def test_a_stored_model_says_the_same(fitted: opinion.Opinion, tmp_path: Path) -> None:
    opinion.save(fitted, tmp_path / "model.npz")
    again = opinion.load(tmp_path / "model.npz")

    assert again.classify("小心您的号码") == pytest.approx(fitted.classify("小心您的号码"))
    assert list(tmp_path.iterdir()) == [tmp_path / "model.npz"]


def test_other_sentences_have_another_fingerprint(sentences: Path) -> None:
    assert opinion.fingerprint(sentences) != opinion.fingerprint()


def test_an_ear_has_half_of_the_say_where_there_is_doubt(fitted: opinion.Opinion) -> None:
    asked = []

    def bad(text: str) -> float:
        asked.append(text)
        return 0.001

    heard = replace(fitted, ear=SimpleNamespace(bad=bad, mark="x"))
    rude = "你是不是脑子有病，废话一箩筐"
    assert heard.classify(rude)[0] == "fine" != fitted.classify(rude)[0]
    assert set(asked) == {rude}

    assert opinion.together(0.9, "甲", heard.ear) < 0.2 < opinion.together(0.9, "甲", None)
    assert opinion.together(0.01, "乙", heard.ear) == 0.01
    assert asked[-1] == "甲", "what is plainly fine is not asked about"


def test_an_ear_is_asked_of_one_sentence_of_a_reply(fitted: opinion.Opinion) -> None:
    asked = []
    heard = replace(fitted, ear=SimpleNamespace(bad=lambda text: asked.append(text) or 0.99, mark="x"))
    finding = heard.finding("您好，已为您登记。你是不是脑子有病，废话一箩筐。谢谢您来电。神经病吧")

    assert len(asked) == 1
    assert finding is not None and finding.matched == asked[0]


def test_where_the_ear_cannot_tell_the_model_judges_alone(fitted: opinion.Opinion) -> None:
    silent = replace(fitted, ear=SimpleNamespace(bad=lambda text: None, mark="x"))

    assert silent.classify("你是不是脑子有病，废话一箩筐")[0] == "insult"


def test_a_start_keeps_only_the_model_of_the_present_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = opinion.stored_at(tmp_path)
    for path in (place, place.with_name("older.npz"), place.with_name("x.77.half.npz")):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.setattr(opinion, "open_ear", lambda: None)
    monkeypatch.setattr(opinion, "load_opinion", lambda: None)
    monkeypatch.setattr(opinion, "load_settings", lambda: SimpleNamespace(home=tmp_path))
    opinion.main()

    assert {path.name for path in place.parent.iterdir()} == {place.name, "x.77.half.npz"}


def test_a_model_belongs_to_its_ear(sentences: Path) -> None:
    ears = [None, SimpleNamespace(mark="one"), SimpleNamespace(mark="two")]

    assert len({opinion.fingerprint(sentences, None, ear) for ear in ears}) == 3


def test_empty_text_is_fine(fitted: opinion.Opinion) -> None:
    assert fitted.classify("。。。")[0] == "fine"
    assert fitted.finding("") is None


def test_lint_adds_the_opinion_unless_it_is_declined(
    fitted: opinion.Opinion, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opinion, "load_opinion", lambda: fitted)
    parser = argparse.ArgumentParser()
    lint.add_arguments(parser)
    row = json.dumps({"text": "你个无赖，欠费还有理"}, ensure_ascii=False)
    rules = []
    for options in (["--no-opinion"], []):
        monkeypatch.setattr("sys.stdin", io.StringIO(row))
        lint.run(parser.parse_args(options))
        found = json.loads(capsys.readouterr().out)["findings"]
        rules.append({each["rule"] for each in found})

    assert rules[1] - rules[0] <= {"OPN-insult", "OPN-threat"}
    assert not any(name.startswith("OPN-") for name in rules[0])


@pytest.mark.parametrize("torn", [b"", b"PK\x03\x04 torn"])
def test_who_waits_for_a_fit_is_told_before_it_begins(
    fitted: opinion.Opinion, sentences: Path, tmp_path: Path, torn: bytes, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = []

    def train(*_: object) -> opinion.Opinion:
        told.append(capsys.readouterr())
        return fitted

    monkeypatch.setattr(opinion, "train", train)
    place = opinion.stored_at(tmp_path, sentences, None)
    place.parent.mkdir()
    place.write_bytes(torn)
    opinion.load_opinion.cache_clear()
    for _ in range(2):
        opinion.load_opinion(sentences, tmp_path, None, deaf=True)
        opinion.load_opinion.cache_clear()

    [(out, err)] = told
    assert (out, err.count("about three minutes, once")) == ("", 1)


def test_a_desk_hears_the_stored_opinion_once_it_is_read(
    fitted: opinion.Opinion, tmp_path: Path
) -> None:
    bold = replace(fitted, threshold=0.5)
    opinion.save(bold, opinion.stored_at(tmp_path))
    late = opinion.LateOpinion(tmp_path)
    late.reading.join()

    assert late.finding("你个无赖，欠费还有理") == bold.finding("你个无赖，欠费还有理") is not None
    assert late.likeness("你个无赖，欠费还有理") == bold.likeness("你个无赖，欠费还有理")


@pytest.mark.parametrize(
    ("kept", "why"),
    [(None, "whole stack fits it"), (b"", "cannot be read"), (b"PK\x03\x04 torn", "cannot be read")],
)
def test_without_a_readable_opinion_a_desk_is_silent_and_says_why(
    kept: bytes | None, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = opinion.stored_at(tmp_path)
    if kept is not None:
        place.parent.mkdir()
        place.write_bytes(kept)
    late = opinion.LateOpinion(tmp_path)
    late.reading.join()

    assert late.finding("你个无赖，欠费还有理") is None and late.likeness("你个无赖") == ""
    assert why in caplog.text


def test_families_of_few_examples_do_not_give_their_name_to_all() -> None:
    lines = read_lines()
    model = opinion.train(lines[::2])
    told = [
        (said, line.family)
        for line in lines[1::8]
        if line.family != "fine" and (said := model.classify(line.text)[0]) != "fine"
    ]

    assert len(told) > 1000
    assert sum(said == name for said, name in told) > 0.4 * len(told)


def test_every_family_has_a_title_in_chinese() -> None:
    assert {line.family for line in read_lines()} - {"fine"} <= set(TITLES)
