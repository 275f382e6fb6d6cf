"""The trainers' API on a served desk: who may what, labels, models, the way back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.console import coach_data_api, coach_watch
from bot.desk.messages import note_for_review
from bot.desk.model_files import (
    ended_notes,
    gate_path,
    models_folder,
    note_ended,
    point_to,
    pointer,
    write_json,
)
from tests.coach.held import TOOL_S
from tests.console.conftest import LocalDesk, start_local


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDesk]:
    """Serve a desk with two kept models, one of which the gate stopped."""
    home = tmp_path_factory.mktemp("coach")
    models_folder(home).mkdir()
    for name, passed in (("one", True), ("two", True), ("stopped", False)):
        (models_folder(home) / f"{name}.tar.gz").write_bytes(b"model")
        write_json(gate_path(home, name), {"passed": passed, "played": True, "reasons": [] if passed else ["变差"]})
    local, end = start_local(home)
    yield local
    end()


@pytest.fixture(scope="module")
def trainer(local: LocalDesk) -> httpx.Client:
    """Sign a trainer in, who waits for a tool as the page does."""
    client = local.person("trainer")
    client.timeout = TOOL_S
    return client


@pytest.fixture(scope="module")
def leader(local: LocalDesk) -> httpx.Client:
    """Sign a leader in."""
    return local.person("leader")


def home_of(local: LocalDesk) -> Path:
    return local.desk.settings.home


def fill(local: LocalDesk, *texts: str) -> None:
    with local.desk.sessions.begin() as session:
        for text in texts:
            note_for_review(
                session, conversation_id="c1", message_id=None, reason="clarified", text=text,
                reading=None, now=local.now(),
            )


def test_only_trainers_see_the_inbox(local: LocalDesk, trainer: httpx.Client) -> None:
    assert trainer.get("/coach/inbox").status_code == 200
    assert local.person("staff").get("/coach/inbox").status_code == 403


def test_the_inbox_says_what_a_type_is_and_is_not(trainer: httpx.Client) -> None:
    told = trainer.get("/coach/inbox").json()["data"]["definitions"]["port_out"]

    assert "号码不变" in told["means"]
    assert "close_account" in told["not"]


def test_a_group_is_labelled_in_one_call(local: LocalDesk, trainer: httpx.Client) -> None:
    fill(local, "携号转网进度到哪了", "携号转网的进度到哪了")
    trainer.post("/coach/inbox/gather")
    groups = trainer.get("/coach/inbox").json()["data"]["groups"]
    [group] = [g for g in groups if any("进度到哪了" in item["text"] for item in g["items"])]
    answer = trainer.post(
        "/coach/inbox/label", json={"group": group["id"], "type": "port_out", "urgency": "general"}
    )

    assert sum(answer.json()["data"]["states"].values()) == 2


def test_a_turn_is_left_out_of_its_group_and_a_label_taken_back(
    local: LocalDesk, trainer: httpx.Client
) -> None:
    fill(local, "副卡的流量怎么共享给主卡", "副卡的流量怎么共享给主卡呀", "副卡的流量怎么不共享给主卡")
    trainer.post("/coach/inbox/gather")
    said = "副卡的流量"

    def waits() -> dict[str, int]:
        groups = trainer.get("/coach/inbox").json()["data"]["groups"]
        return {item["text"]: item["id"] for g in groups for item in g["items"] if said in item["text"]}

    before = waits()
    groups = trainer.get("/coach/inbox").json()["data"]["groups"]
    [group] = [g["id"] for g in groups if any(said in item["text"] for item in g["items"])]
    odd = before["副卡的流量怎么不共享给主卡"]
    done = trainer.post(
        "/coach/inbox/label",
        json={"group": group, "but": [str(odd)], "type": "plan_consult", "urgency": "general"},
    ).json()["data"]

    assert sorted(done["items"]) == sorted(set(before.values()) - {odd})
    assert odd in waits().values()
    ids = [str(each) for each in done["items"]]
    assert trainer.post("/coach/inbox/take-back", json={"items": ids}).json()["data"] == {"waiting": 2}
    assert waits() == before


def test_a_model_that_cannot_be_opened_leaves_the_inbox_as_it_is(
    local: LocalDesk, trainer: httpx.Client
) -> None:
    fill(local, "授权码一直收不到怎么办")
    trainer.post("/coach/inbox/gather")
    point_to(home_of(local), "one", now=local.now(), previous=None, watched=False)
    before = trainer.get("/coach/inbox").json()["data"]
    read = trainer.post("/coach/inbox/read").json()["data"]
    (models_folder(home_of(local)) / "current").unlink()

    assert before["unread"] > 0
    assert read["read"] == 0
    assert trainer.get("/coach/inbox").json()["data"]["groups"] == before["groups"]


@pytest.mark.parametrize(
    "body", [{"type": "port_out"}, {"items": ["x"], "type": "port_out"}, {"items": ["1"], "type": "nonsense"}]
)
def test_a_wrong_label_is_refused(trainer: httpx.Client, body: dict[str, object]) -> None:
    assert trainer.post("/coach/inbox/label", json=body).status_code in {404, 422}


def test_an_incomplete_type_comes_back_with_what_is_missing(trainer: httpx.Client) -> None:
    answer = trainer.post("/coach/new-type", json={"answers": {"id": "porting_step"}, "write": True})

    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert {"title", "kind", "sentences"} <= {problem["part"] for problem in data["problems"]}
    assert "written" not in data


def test_old_sentences_that_speak_of_a_new_type_are_offered(trainer: httpx.Client) -> None:
    said = [{"text": "我的携转办到哪一步了", "urgency": "general"}, {"text": "携转审核通过没", "urgency": "general"}]
    answers = {"id": "porting_step", "sentences": said, "move": ["授权码没收到", "从没写过的一句"]}
    data = trainer.post("/coach/new-type", json={"answers": answers}).json()["data"]

    assert data["alike"][0] == {"text": "授权码没收到", "type": "port_out", "title": "携号转网"}
    assert len(data["alike"]) == 1 + 40
    assert [p["message"] for p in data["problems"] if p["part"] == "move"] == [
        "语料里没有“从没写过的一句”这句，不能移过来"
    ]
    assert any("新类型连同移来的只有3句" in warning for warning in data["warnings"])


def test_near_types_are_looked_for_while_one_writes(
    trainer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def tool(ask: object, *words: str, given: str | None = None) -> dict[str, object]:
        asked.append((words, given))
        return {"confusable": []}

    monkeypatch.setattr(coach_data_api, "tool", tool)
    said = "家里宽带断了上不了网\n光猫红灯一直亮着"
    answer = trainer.post("/coach/near-types", json={"sentences": said})

    assert answer.json()["data"]["confusable"] == []
    assert asked == [(("near", "-", "--json"), said)]


def test_a_type_may_come_with_hundreds_of_sentences(
    trainer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def tool(ask: object, *words: str, given: str | None = None) -> dict[str, object]:
        asked.append((words, json.loads(given or "{}")))
        return {}

    monkeypatch.setattr(coach_data_api, "tool", tool)
    said = [{"text": f"第{n}句话，授权码一直没收到怎么办", "urgency": "general"} for n in range(300)]
    answer = trainer.post("/coach/new-type", json={"answers": {"sentences": said}})
    assert answer.status_code == 200, answer.text
    [(_, given)] = asked
    assert given["sentences"] == said

    endless = {"sentences": [{**row, "text": row["text"] * 20} for row in said]}
    refused = trainer.post("/coach/new-type", json={"answers": endless})
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_long")


def test_a_stopped_model_needs_a_leader(
    local: LocalDesk, trainer: httpx.Client, leader: httpx.Client
) -> None:
    body = {"reason": "评测集还没有新类型"}
    assert trainer.post("/coach/models/stopped/switch", json=body).json()["error"]["code"] == "gate_not_passed"
    assert trainer.post("/coach/models/stopped/override", json=body).status_code == 403
    assert leader.post("/coach/models/stopped/override", json=body).status_code == 200
    assert trainer.post("/coach/models/stopped/switch", json=body).status_code == 200
    assert pointer(home_of(local))["model"] == "stopped"


def test_one_click_goes_back(local: LocalDesk, trainer: httpx.Client) -> None:
    for name in ("one", "two"):
        serving = pointer(home_of(local)).get("model")
        report = {"passed": True, "played": True, "against": serving}
        write_json(gate_path(home_of(local), name), report)
        trainer.post(f"/coach/models/{name}/switch", json={"reason": "换"})
    trainer.post("/coach/rollback", json={})

    data = trainer.get("/coach/models").json()["data"]
    assert data["serving"] == "one"
    assert data["history"][0]["kind"] == "rollback"


def test_a_shadow_begins_and_ends_on_the_page(local: LocalDesk, trainer: httpx.Client) -> None:
    point_to(home_of(local), "one", now=local.now(), previous=None, watched=False)
    body = {"model": "two", "percent": 20, "hours": 24}
    assert trainer.post("/coach/shadow", json=body).status_code == 200
    found = trainer.get("/coach/models").json()["data"]["shadow"]
    assert (found["model"], found["share"], found["turns"], found["state"]) == ("two", 0.2, 0, "starting")
    assert trainer.post("/coach/shadow", json={**body, "model": "one"}).status_code == 400
    assert local.person("staff").post("/coach/shadow", json={}).status_code == 403

    assert trainer.post("/coach/shadow", json={}).status_code == 200
    assert trainer.get("/coach/models").json()["data"]["shadow"] == {}
    assert trainer.post("/coach/shadow", json={}).status_code == 404


def soon(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not done() and time.monotonic() < end:
        time.sleep(0.1)
    assert done()


def test_what_the_supervisor_ended_is_told_to_trainers(
    local: LocalDesk, trainer: httpx.Client, leader: httpx.Client
) -> None:
    note_ended(
        home_of(local), kind="canary_end", model="one", previous="two", reason="进程一再中断",
        now=local.now(),
    )
    soon(lambda: not ended_notes(home_of(local)))

    changes = trainer.get("/coach/models").json()["data"]["history"]
    assert ("canary_end", "two", "进程一再中断") in [(c["kind"], c["previous"], c["reason"]) for c in changes]
    texts = [notice["text"] for notice in trainer.get("/notices").json()["data"]["notices"]]
    assert any("进程一再中断" in text for text in texts)
    assert "进程一再中断" not in leader.get("/notices").text


def test_the_inbox_fills_while_nobody_looks(
    local: LocalDesk, trainer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coach_watch, "GATHER_EVERY_S", 0.1)
    monkeypatch.setattr(coach_watch, "EVERY_S", 0.1)
    fill(local, "说好的提速券去哪儿领")
    # What was written a moment ago waits: one of a lower number may still be on its way.
    time.sleep(3)
    assert "提速券" not in trainer.get("/coach/inbox").text
    monkeypatch.setattr(local, "offset", timedelta(seconds=30))
    soon(lambda: "提速券" in trainer.get("/coach/inbox").text)


@pytest.mark.parametrize("name", ["missing", "..%2Fsecret", "%2e%2e"])
def test_a_model_that_is_not_kept_is_not_found(trainer: httpx.Client, name: str) -> None:
    assert trainer.get(f"/coach/models/{name}/gate").status_code == 404


def test_a_change_of_type_is_a_diff_until_written(trainer: httpx.Client) -> None:
    body = {"act": "merge", "type": "roaming", "into": "vas_subscribe"}
    data = trainer.post("/coach/change-type", json=body).json()["data"]

    assert "data/nlu/roaming.yml" in data["files"]
    assert "written" not in data


@pytest.mark.parametrize(
    "body", [
        {"act": "retire", "type": "port_out"}, {"act": "merge", "type": "roaming", "into": "--write"},
        {"act": "merge", "type": "roaming", "into": "nowhere"}, {"act": "rename", "type": "--help", "into": "x"},
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_made_is_refused(trainer: httpx.Client, body: dict[str, str]) -> None:
    assert trainer.post("/coach/change-type", json=body).json()["error"]["code"] == "invalid"


def test_words_signals_and_situations_are_listed(trainer: httpx.Client) -> None:
    known = trainer.get("/coach/words").json()["data"]
    parts = trainer.get("/coach/situations", params={"type": "roaming"}).json()["data"]["situations"]

    assert "光猫" in known["words"]
    assert {"id", "title", "raises_to", "pattern"} <= set(known["signals"][0])
    assert {"situation", "count", "text"} == set(parts[0])
