"""One new type from the first misread turn to service and back, a bad candidate, a switch under load.

`make test` does it on a few sentences of each type, `make coach-journey` on all of the data. Two
candidates are trained, one that knows the type and one made worse; every test can run alone.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.coach.examples import read_training
from bot.storage.conversations import Message, Review
from tests.coach.crowd import Outcome, doubled, received, talk, unanswered
from tests.coach.workshop import Workshop, set_up, until

pytestmark = [pytest.mark.rasa, pytest.mark.timeout(3600)]
SENTENCES = 60
RATE, SECONDS = 20, 30
ANSWERS = Path(__file__).with_name("port_out_progress.yml")
NAME = "port_out_progress"
# Sentences of other types that say the same: the answer file moves them.
MOVE = YAML(typ="safe").load(ANSWERS.read_text("utf-8"))["move"]
ANSWER = "审核结果和授权码会以短信发到您的号码上"
# What customers said before anybody thought of the type; none stands in the answer file.
MISREAD = (
    "我昨天交的转走申请，系统里现在走到哪个环节了",
    "携出的批复下来没有啊 等得心焦",
    "上礼拜在门店签字办转出，那个授权短信影子都没见着",
    "帮看看我的号过户到联通那边的流程还差几步",
)
LATER = "提交的携出申请现在审核到哪了"
ALL = pytest.param(None, id="all", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[ALL, pytest.param(SENTENCES, id="few")])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Run the copy of the project with the model of its data."""
    shop = set_up(tmp_path_factory.mktemp("workshop"), sentences=request.param, besides=MOVE)
    shop.train()
    with shop.running():
        yield shop


@pytest.fixture(scope="module")
def grown(shop: Workshop) -> str:
    """Grow the type from misread turns to a candidate that the gate let pass; return its name."""
    complain(shop, *MISREAD)
    turns = waiting(shop, *MISREAD)
    assert len(turns) == len(MISREAD)
    assert all("转了人工" in turn["reasons"] for turn in turns)

    written = shop.data("new-intent", str(ANSWERS), "--write", "--commit", "--by", "zhou")
    assert {"data/nlu/port_out.yml", f"data/nlu/{NAME}.yml"} <= set(written["written"])
    assert set(MOVE) <= {e.text for e in read_training(shop.root / "data" / "nlu" / f"{NAME}.yml")}
    ids = [str(turn["id"]) for turn in turns]
    for trainer in ("zhou", "li"):
        shop.coach("label", *ids, "--type", NAME, "--urgency", "general", "--by", trainer)
    promoted = shop.data("promote", "--write", "--commit", "--by", "zhou")
    assert {row["text"] for row in promoted["train"] + promoted["tests"]} <= set(MISREAD)
    assert promoted["refused"] == []
    assert promoted["branch"] in git(shop, "branch", "--list", "training/*")

    new = shop.train()
    report = gate(shop, new)
    [row] = [row for row in report["types"] if row["type"] == NAME]
    assert (row["verdict"], row["before"]) == ("better", 0.0)
    assert row["fixed"]
    assert "new_type_recall" in {limit["id"] for limit in report["limits"]}
    return new


def serving(shop: Workshop) -> str:
    return str(shop.data("history")["serving"])


def complain(shop: Workshop, *texts: str) -> None:
    """Let customers say something and give up on the bot."""
    for text in texts:
        shop.ask(text, "转人工")


def waiting(shop: Workshop, *texts: str) -> list[dict[str, Any]]:
    """Return the turns of the inbox with these words."""
    page = shop.data("inbox", "--read", "--limit", "200")
    return [item for group in page["groups"] for item in group["items"] if item["text"] in texts]


def gate(shop: Workshop, model: str, *, leader: str = "班长王强") -> dict[str, Any]:
    """Examine a model; what the few sentences cannot reach, a leader lets pass with a reason."""
    report = shop.data("gate", model, "--play", fine=(0, 1))
    if not report["passed"]:
        shop.coach("gate", model, "--override", "；".join(report["reasons"]), "--by", leader)
    return report


def test_a_type_grows_from_the_terminal(shop: Workshop, grown: str) -> None:
    old = serving(shop)
    assert "turns read" in shop.coach("shadow", grown, "--since", "24", "--by", "zhou")
    shop.coach("switch", grown, "--reason", "能答携转进度了", "--by", "zhou")
    shop.serves(grown)
    assert ANSWER in shop.ask(LATER)
    shop.coach("rollback", "--reason", "再看看", "--by", "zhou")
    shop.serves(old)
    assert ANSWER not in shop.ask(LATER)

    history = shop.data("history")
    assert [row["kind"] for row in history["changes"][:2]] == ["rollback", "switch"]
    assert history["changes"][1]["reason"] == "能答携转进度了"
    assert history["serving"] == old


def git(shop: Workshop, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=shop.root, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_shadow_never_answers_and_its_differences_reach_the_inbox(shop: Workshop, grown: str) -> None:
    complain(shop, "我递交的携出申请现在审到哪一步了")
    before = messages(shop)
    shop.coach("shadow", grown, "--since", "24", "--share", "1", "--by", "zhou")

    assert messages(shop) == before
    page = shop.data("inbox", "--reason", "models_disagree", "--limit", "100")
    differ = [item for group in page["groups"] for item in group["items"]]
    assert differ
    assert all("新旧模型不一致" in item["reasons"] for item in differ)
    assert NAME in {item["ranking"][0][0] for item in differ}
    shop.coach("shadow", grown, "--since", "24", "--share", "0", "--by", "zhou")


def messages(shop: Workshop) -> int:
    with shop.database() as session:
        return int(session.execute(select(func.count(Message.id))).scalar() or 0)


def test_a_candidate_made_worse_on_purpose_is_stopped(shop: Workshop) -> None:
    """Swap the sentences of two types, train, and let the gate say what got worse."""
    one, two = (shop.root / "data" / "nlu" / f"{name}.yml" for name in ("bill_query", "fault_broadband"))
    kept = one.read_text("utf-8"), two.read_text("utf-8")
    one.write_text(kept[0].replace("intent: bill_query", "intent: fault_broadband"), "utf-8")
    two.write_text(kept[1].replace("intent: fault_broadband", "intent: bill_query"), "utf-8")
    try:
        worse = shop.train()
    finally:
        one.write_text(kept[0], "utf-8")
        two.write_text(kept[1], "utf-8")
    said = shop.coach("gate", worse, fine=(1,))

    last = said.strip().splitlines()[-1]
    assert last.startswith("stopped: ")
    assert "单一类型召回率下降超过0.08" in last
    assert "宽带故障" in last and "话费账单查询" in last
    assert "STOP 单一类型召回率下降" in said
    refused = shop.coach("switch", worse, "--reason", "试试", "--by", "zhou", fine=(1,))
    assert "serves" not in refused


@pytest.mark.parametrize("shop", [ALL], indirect=True)
def test_a_switch_under_load_loses_and_doubles_nothing(
    shop: Workshop, grown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty turns a second, a switch in their midst: what the engine cannot take at once waits."""
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        crowd = pool.submit(asyncio.run, talk(shop.url, rate=RATE, seconds=SECONDS))
        shop.coach("switch", grown, "--reason", "在忙的时候换", "--by", "zhou")
        outcome = crowd.result()
        sent = time.monotonic() - began
    shop.serves(grown)
    until(lambda: not looked_at(shop, outcome, unanswered))
    took = time.monotonic() - began

    assert outcome.refused == []
    assert looked_at(shop, outcome, received) == outcome.sent == RATE * SECONDS
    assert looked_at(shop, outcome, doubled) == []
    engines, by_rules = answered_by(shop, outcome)
    with capsys.disabled():
        print(
            f"\n{outcome.sent} turns in {sent:.0f} s, all answered after {took:.0f} s"
            f" ({outcome.sent / took:.1f}/s), accepted within {max(outcome.took):.1f} s;"
            f" {by_rules} of {engines} without the engine"
        )


def looked_at(shop: Workshop, outcome: Outcome, look: Callable[[Session, Outcome], Any]) -> Any:
    with shop.database() as session:
        return look(session, outcome)


def answered_by(shop: Workshop, outcome: Outcome) -> tuple[int, int]:
    """Return how many turns there were, and how many were served by rules because Rasa was late."""
    with shop.database() as session:
        late = session.execute(
            select(func.count(Review.id)).where(
                Review.reason == "engine_down", Review.conversation_id.in_(outcome.conversations)
            )
        ).scalar()
    return outcome.sent, int(late or 0)
