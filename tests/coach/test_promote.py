"""Promotion: only clean sentences enter the data, with lineage, and files keep their comments."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.coach import workspace
from bot.coach.examples import read_training
from bot.coach.promote import LIVE_TESTS, Sentence, plan_promotion
from bot.coach.split import is_held_out
from bot.coach.workspace import Changes, GitRefused, commit_on_branch, dump_yaml, has_git, load_yaml
from bot.handbook.training_table import load_training

ROOT = Path(__file__).parents[2]
DATA = """\
version: "3.1"
# 这一类由张老师维护。
nlu:
- intent: port_out
  examples:
  - text: "携号转网"  # 菜单说法
    metadata: {urgency: general, situation: port_out-001, register: voice_menu}
  - text: "号码不变能不能换成别家"
    metadata: {urgency: general, situation: port_out-002, register: speech}
"""
OTHER = DATA.replace("port_out", "plan_change").replace("携号转网", "换套餐").replace(
    "号码不变能不能换成别家", "想把套餐往低了改一档"
)
TESTS = '{"text": "我想带着号码转到别家去", "type": "port_out", "urgency": "general"}\n'
TYPES = {"port_out", "plan_change"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a small project."""
    for name, text in (
        ("data/nlu/port_out.yml", DATA), ("data/nlu/plan_change.yml", OTHER),
        ("tests/nlu/fresh.jsonl", TESTS),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def sentence(text: str, type_: str = "port_out", situation: str = "port_out-live-1") -> Sentence:
    return Sentence(1, text, type_, "general", situation, by="trainer1", on="2026-03-02")


def refusals(root: Path, *sentences: Sentence) -> list[str]:
    return [why for _, why in plan_promotion(sentences, load_training(), TYPES, root).refused]


@pytest.mark.parametrize(
    ("text", "type_", "why"),
    [
        ("号码不变能不能换成别家呀", "port_out", "同类型"),
        ("号码不变能不能换成别家呢", "plan_change", "类型port_out"),
        ("我想带着号码转到别家去", "port_out", "fresh.jsonl"),
        ("我叫张伟，想换家公司号码保留", "port_out", "个人信息"),
        ("转网办到哪一步了", "no_such_type", "没有"),
        ("呀", "port_out", "太短"),
    ],
)
def test_a_sentence_is_refused_with_the_reason(root: Path, text: str, type_: str, why: str) -> None:
    [found] = refusals(root, sentence(text, type_))
    assert why in found


def test_two_new_sentences_that_are_nearly_one_are_not_both_taken(root: Path) -> None:
    assert len(refusals(root, sentence("转网申请现在到哪一步了"), sentence("转网申请现在到哪一步了呀"))) == 1


def test_comments_stay_and_lineage_is_written(root: Path) -> None:
    promotion = plan_promotion([sentence("转网申请现在到哪一步了")], load_training(), TYPES, root)
    promotion.changes.write()

    text = (root / "data/nlu/port_out.yml").read_text("utf-8")
    added = text.removeprefix(DATA)
    assert text.startswith(DATA)
    assert added == (
        '  - text: "转网申请现在到哪一步了"\n    metadata: {urgency: general, situation: port_out-live-1,'
        ' register: live, origin: ' + sentence("转网申请现在到哪一步了").origin
        + ', by: "trainer1", labelled: "2026-03-02"}\n'
    )


def test_whole_situations_are_set_aside_for_tests(root: Path) -> None:
    texts = [f"{a}{b}{c}转网" for a in "甲乙丙丁" for b in "子丑寅卯辰" for c in "山水火风雷"]
    many = [sentence(text, situation=f"port_out-live-{n}") for n, text in enumerate(texts)]
    promotion = plan_promotion(many, load_training(), TYPES, root)
    promotion.changes.write()

    aside = {e.situation for e in read_training(root / LIVE_TESTS)}
    assert 0 < len(aside) < len(texts) / 3
    assert not aside & {e.situation for e in read_training(root / "data/nlu")}


def test_a_file_changed_meanwhile_is_not_overwritten(root: Path) -> None:
    promotion = plan_promotion([sentence("转网申请现在到哪一步了")], load_training(), TYPES, root)
    (root / "data/nlu/port_out.yml").write_text(DATA + "# 刚加的\n", encoding="utf-8")

    with pytest.raises(Exception, match="刚被别人改过"):
        promotion.changes.write()


@pytest.fixture
def git(root: Path) -> Callable[..., str]:
    """Make the project a checkout with a commit; return git in it."""

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "start")
    return git


def test_the_commit_goes_on_a_branch_and_leaves_the_checkout_alone(root: Path, git: Callable[..., str]) -> None:
    promotion = plan_promotion([sentence("转网申请现在到哪一步了")], load_training(), TYPES, root)
    commit_on_branch(promotion.changes, "training/1", "data: 1", author="trainer1")

    assert has_git(root)
    assert git("status", "--porcelain") == ""
    assert git("diff", "--stat", "main", "training/1").count("data/nlu/port_out.yml") == 1


def saved(root: Path, text: str, **more: str) -> dict[str, Any]:
    promotion = plan_promotion([sentence(text)], load_training(), TYPES, root)
    return workspace.save(
        promotion.changes, **{"branch": "training/day", "message": "data: 1", "author": "a", "commit": True, **more}
    )


def test_a_second_run_of_a_day_has_a_branch_of_its_own_on_top_of_the_first(root: Path, git: Callable[..., str]) -> None:
    first, second = saved(root, "转网申请现在到哪一步了"), saved(root, "授权码给我发一个我要转走")

    assert (first["branch"], second["branch"]) == ("training/day", "training/day-2")
    assert git("rev-list", "main..training/day-2").split() == [second["commit"], first["commit"]]
    added = [line for line in git("show", second["commit"]).splitlines() if line.startswith("+  - text")]
    assert [("授权码" in line) for line in added] == [True]


def test_a_run_that_was_thrown_away_comes_back_in_no_later_one(root: Path, git: Callable[..., str]) -> None:
    saved(root, "转网申请现在到哪一步了")
    git("checkout", "-q", "--", ".")
    second = saved(root, "授权码给我发一个我要转走")

    assert git("rev-list", "main..training/day-2").split() == [second["commit"]]
    assert "申请现在" not in git("show", second["commit"])


def test_a_named_branch_is_continued_unless_it_holds_other_work(root: Path, git: Callable[..., str]) -> None:
    saved(root, "转网申请现在到哪一步了", named="mine")
    saved(root, "授权码给我发一个我要转走", named="mine")
    assert len(git("rev-list", "main..mine").split()) == 2

    git("checkout", "-q", "--", ".")
    with pytest.raises(GitRefused, match="mine holds work"):
        saved(root, "携号转网要去哪里办", named="mine")
    with pytest.raises(GitRefused, match="main is checked out"):
        saved(root, "携号转网要去哪里办", named="main")
    assert git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "data/nlu").glob("*.yml"))[::6], ROOT / "data/nlu/rate_service.yml",
     ROOT / "domain.yml", ROOT / "data/rules/rules.yml", ROOT / "data/handbook/requests.yml",
     ROOT / "data/handbook/signals.yml", ROOT / "tests/conversations/customers.yml"],
    ids=lambda path: path.name,
)
def test_reading_and_writing_a_file_changes_no_byte(path: Path) -> None:
    text = path.read_text("utf-8")
    assert dump_yaml(load_yaml(text)) == text


def test_a_diff_names_new_and_removed_files(tmp_path: Path) -> None:
    (tmp_path / "old.yml").write_text("a: 1\n")
    changes = Changes(tmp_path)
    changes.put("old.yml", None)
    changes.put("new.yml", "b: 2\n")
    assert changes.diff().splitlines()[:4] == ["--- /dev/null", "+++ b/new.yml", "@@ -0,0 +1 @@", "+b: 2"]


def test_what_an_earlier_run_wrote_is_only_marked(root: Path) -> None:
    said = sentence("转网申请现在到哪一步了")
    plan_promotion([said], load_training(), TYPES, root).changes.write()
    again = plan_promotion([said], load_training(), TYPES, root)
    other = plan_promotion([replace(said, type="plan_change")], load_training(), TYPES, root)

    assert (again.there, again.refused, again.changes.paths()) == ([said], [], [])
    assert (other.there, len(other.refused)) == ([], 1)


def test_what_an_earlier_run_set_aside_for_tests_is_only_marked(root: Path) -> None:
    aside = next(
        s for n in range(200)
        if is_held_out((s := sentence("转网申请现在到哪一步了", situation=f"port_out-live-{n}")).situation, load_training().test_share)
    )
    plan_promotion([aside], load_training(), TYPES, root).changes.write()

    assert (root / LIVE_TESTS).is_file()
    assert plan_promotion([aside], load_training(), TYPES, root).there == [aside]


def test_when_git_refuses_no_file_is_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> str:
        raise GitRefused("the branch is locked")

    monkeypatch.setattr(workspace, "has_git", lambda root: True)
    monkeypatch.setattr(workspace, "commit_on_branch", refused)
    promotion = plan_promotion([sentence("转网申请现在到哪一步了")], load_training(), TYPES, root)
    with pytest.raises(GitRefused):
        workspace.save(promotion.changes, branch="b", message="m", author="a", commit=True)

    assert (root / "data/nlu/port_out.yml").read_text("utf-8") == DATA
