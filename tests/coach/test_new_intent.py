"""A new type: incomplete answers are refused with what is missing, complete ones write it all."""

from __future__ import annotations

import copy
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy.orm import Session

from bot.coach import change_intent
from bot.coach.examples import read_training
from bot.coach.new_intent import check_draft, plan_type
from bot.coach.promote import sentence_of
from bot.desk import training_labels as labels
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training_table import load_training
from bot.settings import ROOT
from bot.storage.coach import InboxGroup, InboxItem
from tests.coach.few_sentences import ANSWERS, NAME, copied

pytestmark = pytest.mark.skipif(
    NAME in load_handbook().types, reason="trainers have made the example a type of this project"
)


def problems(handbook: Handbook, root: Path = ROOT, **changed: Any) -> list[str]:
    answers = {**copy.deepcopy(ANSWERS), **changed}
    draft = check_draft(
        answers, handbook, load_training(), root, checker=load_checker(verify=False)
    )
    return [f"{p['part']}: {p['message']}" for p in draft.problems]


def test_the_example_is_complete(handbook: Handbook) -> None:
    assert problems(handbook) == []


def test_close_calls_may_be_named_as_people_name_them(
    handbook: Handbook, read_only: Path
) -> None:
    named = {handbook.types[name].title: why for name, why in ANSWERS["not"].items()}

    assert problems(handbook, read_only, **{"not": named}) == []


def sentences(**changed: Any) -> list[dict[str, Any]]:
    return [{**row, **changed} for row in ANSWERS["sentences"]]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "Port Out"}, "id: 名称用小写"),
        ({"id": "port_out"}, "已经存在"),
        ({"title": "携号转网"}, "已经有了"),
        ({"kind": "talk"}, "kind: 性质应为"),
        ({"team": "nobody"}, "team: 责任团队"),
        ({"definition": "转网"}, "definition: "),
        ({"not": {}}, "not: 请写明它不是什么"),
        ({"not": {"port_out": ""}}, "请写明与“携号转网”的区别"),
        ({"needs": ["shoe_size"]}, "没有“shoe_size”这项要素"),
        ({"answer": None}, "answer: 咨询类型需要一条答复"),
        ({"answer": {**ANSWERS["answer"], "text": "这个不归我管，你自己去问"}}, "不符合服务用语"),
        ({"sentences": ANSWERS["sentences"][:12]}, "至少30句，现在12句"),
        ({"sentences": sentences(register="typed")}, "至少5种说话方式，现在1种"),
        ({"sentences": sentences(urgency="general")}, "至少3种紧急程度，现在1种"),
        ({"sentences": [*ANSWERS["sentences"], {**ANSWERS["sentences"][0], "text": "携号转网"}]},
         "“携号转网”：与类型port_out"),
        ({"sentences": [*ANSWERS["sentences"], *(
            {**ANSWERS["sentences"][0], "text": f"请问我名下这个号码转网第{n}步完成没有呢"} for n in "一二三四五")]},
         "像是套同一个模板"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(
    handbook: Handbook, read_only: Path, changed: dict[str, Any], said: str
) -> None:
    found = problems(handbook, read_only, **changed)
    assert any(said in line for line in found), found


def test_a_type_that_comes_near_must_be_named(handbook: Handbook, tmp_path: Path) -> None:
    for name in ("port_out", "report_hazard"):
        (tmp_path / "data/nlu").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"data/nlu/{name}.yml", tmp_path / "data/nlu")
    draft = check_draft({**ANSWERS, "not": {"payment": "缴费"}}, handbook, load_training(), tmp_path)

    nearest, *others = draft.confusable
    assert nearest["type"] == "port_out" and all(row["share"] < 0.02 for row in others)
    assert any("与“携号转网”容易混淆" in p["message"] for p in draft.problems)


def plan(root: Path, **changed: Any) -> Any:
    handbook, training = load_handbook(root / "data/handbook"), load_training()
    draft = check_draft({**ANSWERS, **changed}, handbook, training, root)
    return plan_type(draft, handbook, training, root)


def test_an_incomplete_type_writes_nothing(root: Path) -> None:
    with pytest.raises(DeskError, match="至少30句"):
        plan(root, sentences=ANSWERS["sentences"][:12])


def test_a_complete_type_is_everywhere_it_must_be(root: Path) -> None:
    written = plan(root).write()

    yaml = YAML(typ="safe")
    assert written == [
        "data/handbook/definitions.yml", "data/handbook/knowledge.yml", "data/handbook/requests.yml",
        "data/lexicon/telecom.txt", "data/nlu/port_out.yml", f"data/nlu/{NAME}.yml",
        "data/nlu/ticket_status.yml", "data/nlu/ticket_urge.yml", "data/rules/rules.yml", "domain.yml",
        "tests/conversations/customers.yml", "tests/nlu/live.yml",
    ]
    handbook = load_handbook(root / "data/handbook")
    assert handbook.types[NAME].team == "business"
    assert handbook.knowledge[f"{NAME}_answer"].type == NAME
    assert set(yaml.load((root / "domain.yml").read_text())["intents"]) == set(handbook.types_in_use())
    train, tests = (read_training(root / p) for p in (f"data/nlu/{NAME}.yml", "tests/nlu/live.yml"))
    assert len(train) + len(tests) == len(ANSWERS["sentences"]) + len(ANSWERS["move"])
    assert 0 < len(tests) < len(train)


def test_an_order_gets_a_conversation_that_ends_in_its_ticket(root: Path) -> None:
    plan(root, kind="order", answer=None).write()

    last = YAML(typ="safe").load((root / "tests/conversations/customers.yml").read_text())[-1]
    assert last["ticket"] == {"type": NAME, "class": "general", "respond_h": 24, "resolve_h": 24}


def test_dividing_a_type_moves_whole_situations(root: Path) -> None:
    before = {e.text for e in read_training(root / "data/nlu/port_out.yml") if e.situation == "port_out-001"}
    plan(root, moves=["port_out-001"]).write()

    assert before <= {e.text for e in read_training(root / f"data/nlu/{NAME}.yml")}
    assert not before & {e.text for e in read_training(root / "data/nlu/port_out.yml")}


@pytest.fixture(scope="module")
def grown_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copied(tmp_path_factory.mktemp("grown"))
    plan(root).write()
    return root


@pytest.fixture
def grown(grown_once: Path, tmp_path: Path) -> Path:
    """Add the type, so that it can be changed again."""
    return Path(shutil.copytree(grown_once, tmp_path / "grown"))


def test_a_rename_takes_everything_along_and_keeps_the_old_name_for_old_tickets(grown: Path) -> None:
    handbook = load_handbook(grown / "data/handbook")
    change_intent.plan_rename(handbook, NAME, "porting_progress", "转网进度", grown).write()

    after = load_handbook(grown / "data/handbook")
    assert (after.types[NAME].retired, after.types[NAME].title) == ("porting_progress", "携转进度查询")
    assert after.knowledge[f"{NAME}_answer"].type == "porting_progress"
    assert not (grown / f"data/nlu/{NAME}.yml").exists()
    files = ("domain.yml", "data/rules/rules.yml", "tests/nlu/live.yml")
    assert not any(f"intent: {NAME}\n" in (grown / f).read_text() for f in files)


def definitions(root: Path) -> dict[str, Any]:
    table = YAML(typ="safe").load((root / "data/handbook/definitions.yml").read_text("utf-8"))
    return {row["id"]: row for row in table["types"]}


def test_a_rename_keeps_what_the_type_is_and_what_it_is_not(grown: Path) -> None:
    before = definitions(grown)[NAME]
    handbook = load_handbook(grown / "data/handbook")
    change_intent.plan_rename(handbook, NAME, "porting_progress", "", grown).write()

    after = definitions(grown)
    assert (NAME in after, before["added"]) == (False, True)
    assert after["porting_progress"] == {**before, "id": "porting_progress"}


def test_a_new_definition_leaves_the_others_as_they_are_written(root: Path) -> None:
    old = (ROOT / "data/handbook/definitions.yml").read_text("utf-8")
    plan(root).write()

    assert (root / "data/handbook/definitions.yml").read_text("utf-8").startswith(old)


def test_labels_follow_a_type_to_its_new_name(
    grown: Path, session: Session, now: datetime
) -> None:
    item = inbox_item(session, now)
    labels.label_items(
        session, load_handbook(grown / "data/handbook"), [item.id], type_=NAME, urgency="general",
        labeller="a", now=now,
    )
    handbook = load_handbook(grown / "data/handbook")
    change_intent.plan_rename(handbook, NAME, "porting_progress", "", grown).write()
    renamed = load_handbook(grown / "data/handbook")
    labels.label_items(
        session, renamed, [item.id], type_=NAME, urgency="general", labeller="b", now=now
    )

    assert (item.state, item.type, item.labels[1].type) == ("labelled", "porting_progress", "porting_progress")
    item.type = NAME
    assert sentence_of(item, renamed).type == "porting_progress"


def test_a_type_that_ended_takes_no_label(grown: Path, session: Session, now: datetime) -> None:
    item = inbox_item(session, now)
    change_intent.plan_retire(load_handbook(grown / "data/handbook"), NAME, grown).write()
    ended = load_handbook(grown / "data/handbook")

    assert ended.name_in_use(NAME) is None
    with pytest.raises(labels.BadLabel):
        labels.label_items(
            session, ended, [item.id], type_=NAME, urgency="general", labeller="a", now=now
        )


def inbox_item(session: Session, now: datetime) -> InboxItem:
    """Put a turn into the inbox that two people label."""
    group = InboxGroup(text="转网到哪一步了", open_items=1)
    session.add(group)
    session.flush()
    item = InboxItem(
        origin="o1", group_id=group.id, text="转网到哪一步了", reasons=[], reading={}, worth=0.5,
        sample=True, state="open", created_at=now,
    )
    session.add(item)
    session.flush()
    return item


def test_a_merge_gives_the_sentences_to_the_other_type(grown: Path) -> None:
    count = len(read_training(grown / "data/nlu/port_out.yml"))
    handbook = load_handbook(grown / "data/handbook")
    change_intent.plan_merge(handbook, NAME, "port_out", grown).write()

    assert len(read_training(grown / "data/nlu/port_out.yml")) > count + 20
    assert load_handbook(grown / "data/handbook").types[NAME].retired == "port_out"


def test_retiring_leaves_every_other_file_as_it_was(root: Path) -> None:
    before = {p: (root / p).read_bytes() for p in ("data/rules/rules.yml", "domain.yml", "data/handbook/knowledge.yml")}
    plan(root).write()
    change_intent.plan_retire(load_handbook(root / "data/handbook"), NAME, root).write()

    version = b"version: 2"
    after = {p: (root / p).read_bytes().replace(version, b"version: 1") for p in before}
    assert after == before


def test_a_type_that_programs_name_is_left_to_programmers(grown: Path, handbook: Handbook) -> None:
    with pytest.raises(DeskError, match="程序员"):
        change_intent.plan_retire(handbook, "port_out", ROOT)
