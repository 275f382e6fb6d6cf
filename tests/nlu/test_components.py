"""The components in Rasa's graph: trained on a small sample, asked through the graph."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from bot.coach.examples import read_training
from bot.coach.split import rasa_yaml
from bot.nlu.reader import Reader
from bot.settings import ROOT

pytestmark = pytest.mark.rasa
SAMPLE = ("fault_broadband", "bill_query", "report_hazard", "request_human", "affirm")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the real pipeline on forty sentences of each of five types."""
    from rasa.model_training import train_nlu

    folder = tmp_path_factory.mktemp("sample")
    kept: dict[str, list[Any]] = defaultdict(list)
    for name in SAMPLE:
        kept[name] = read_training(ROOT / "data" / "nlu" / f"{name}.yml")[:120:3]
    (folder / "nlu.yml").write_text(rasa_yaml(e for rows in kept.values() for e in rows), "utf-8")
    result = train_nlu(str(ROOT / "config.yml"), str(folder / "nlu.yml"), str(folder))
    assert result
    return Path(result)


@pytest.fixture(scope="module")
def parse(archive: Path) -> Any:
    """Parse a text through Rasa's graph."""
    from rasa.core.agent import load_agent

    agent = asyncio.run(load_agent(model_path=str(archive)))
    return lambda text: asyncio.run(agent.parse_message(text))


def test_a_parse_holds_type_urgency_and_facts(parse: Any) -> None:
    parsed = parse("我住幸福路12号，宽带断了，整栋楼都没网")

    assert parsed["intent"]["name"] == "fault_broadband"
    assert parsed["urgency"]["name"] == "urgent"
    assert [s["id"] for s in parsed["urgency"]["signals"]] == ["many_cut_off"]
    assert len(parsed["urgency"]["nearest"]) == 3
    entities = {e["entity"]: parsed["text"][e["start"] : e["end"]] for e in parsed["entities"]}
    assert entities == {"address": "幸福路12号", "count": "整栋楼"}


def test_levels_are_ranked_and_sum_to_one(parse: Any) -> None:
    ranking = parse("网有点慢")["urgency"]["ranking"]

    assert sum(row["confidence"] for row in ranking) == pytest.approx(1, abs=1e-5)
    assert ranking == sorted(ranking, key=lambda row: -row["confidence"])


@pytest.mark.parametrize("text", ["", " ", "😀", "。。。", "x" * 5000, "?"])
def test_odd_texts_are_survived(parse: Any, text: str) -> None:
    assert 0 <= parse(text)["intent"]["confidence"] <= 1


def test_a_payload_carries_no_urgency(parse: Any) -> None:
    assert "urgency" not in parse("/affirm")


def test_reading_in_bulk_says_what_the_graph_says(parse: Any, archive: Path) -> None:
    texts = ["宽带断了三天了没人来", "查一下话费", "电线杆倒在路上", "叫个人来", "对", "嗯那个"]
    for text, reading in zip(texts, Reader.open(archive).read(texts), strict=True):
        parsed = parse(text)
        ranking = [row for row in parsed["intent_ranking"] if row["name"] != "nlu_fallback"]
        assert ranking[0]["name"] == reading.type
        assert ranking[0]["confidence"] == pytest.approx(reading.type_confidence, abs=1e-4)
        assert parsed["urgency"]["name"] == reading.urgency
