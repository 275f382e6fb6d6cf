"""The answers to consultations: their table, their wording, and whether questions find them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.handbook.intake import ANSWER_FITS
from bot.handbook.knowledge import KnowledgeEntry, best_answers
from bot.handbook.language.checker import load_checker
from bot.handbook.requests import RequestKind
from bot.handbook.tables import load_handbook
from tests.grown import grown_types

HANDBOOK = load_handbook()
ENTRIES = list(HANDBOOK.knowledge.values())
QUERIES = YAML(typ="safe").load(Path(__file__).with_name("knowledge_queries.yml"))
CONSULTS = [name for name, each in HANDBOOK.types.items() if each.kind is RequestKind.CONSULT]
ORDERS = [name for name, each in HANDBOOK.types.items() if each.kind is RequestKind.ORDER]
by_id = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)


def first(text: str, request_type: str | None = None) -> tuple[KnowledgeEntry, float]:
    [best] = best_answers(ENTRIES, text, request_type=request_type, most=1)
    return best


def entries_of(request_type: str) -> list[KnowledgeEntry]:
    return [entry for entry in ENTRIES if entry.type == request_type]


def test_there_are_enough_answers_for_consultations() -> None:
    assert sum(HANDBOOK.types[entry.type].kind is RequestKind.CONSULT for entry in ENTRIES) >= 70


@pytest.mark.parametrize("request_type", CONSULTS)
def test_every_consult_type_has_answers(request_type: str) -> None:
    assert len(entries_of(request_type)) >= (1 if request_type in grown_types() else 6)


@pytest.mark.parametrize("request_type", ORDERS)
def test_every_order_type_has_suggestions_for_staff(request_type: str) -> None:
    assert entries_of(request_type) or request_type in grown_types()


@by_id
def test_an_answer_is_short_and_asked_in_several_ways(entry: KnowledgeEntry) -> None:
    assert 40 <= len(entry.answer) <= 140
    assert 4 <= len(entry.asks) <= 8


@by_id
def test_an_answer_ends_with_a_next_step(entry: KnowledgeEntry) -> None:
    last = entry.answer.rstrip("。").split("。")[-1]
    assert any(word in last for word in ("告诉我", "登记", "请提供", "为您", "请补充"))


@by_id
def test_an_answer_names_no_price_and_no_number(entry: KnowledgeEntry) -> None:
    text = entry.answer.replace("5G", "")
    assert not any(mark in text for mark in ("元", "块钱", "折扣"))
    assert not any(len(run) > 2 for run in "".join(c if c.isdigit() else " " for c in text).split())


@by_id
def test_each_way_of_asking_finds_its_own_entry_first(entry: KnowledgeEntry) -> None:
    found = {ask: first(ask, entry.type)[0].id for ask in entry.asks}
    assert set(found.values()) == {entry.id}


@by_id
def test_an_answer_passes_the_language_checker(entry: KnowledgeEntry) -> None:
    result = load_checker(verify=False).check(entry.answer, speaker="bot", context=entry.type)
    assert [f.rule for f in result.findings if f.level.value in {"block", "warn"}] == []


@pytest.mark.parametrize("query", QUERIES["answered"], ids=lambda query: query["text"])
def test_a_query_of_the_list_is_not_a_copy_of_a_known_question(query: dict[str, str]) -> None:
    entry = HANDBOOK.knowledge[query["entry"]]
    assert entry.type == query["type"]
    assert query["text"] not in entry.asks


def test_paraphrases_find_their_answer_and_other_questions_find_none() -> None:
    hits = [(first(q["text"], q["type"]), q["entry"]) for q in QUERIES["answered"]]
    right = sum(score >= ANSWER_FITS and entry.id == wanted for (entry, score), wanted in hits)
    wrong = sum(score >= ANSWER_FITS and entry.id != wanted for (entry, score), wanted in hits)
    wrong += sum(first(q["text"], q["type"])[1] >= ANSWER_FITS for q in QUERIES["unanswered"])
    assert len(QUERIES["answered"]) == len(QUERIES["unanswered"]) == 60
    assert right / (right + wrong) >= 0.9
    assert right / len(hits) >= 0.9


@pytest.mark.parametrize(
    ("text", "request_type", "wanted"),
    [
        ("話費餘額", "bill_query", "bill_balance"),
        ("WIFI连着咋还扣流量", "usage_query", "usage_wifi"),
        ("查ＢＡＬＡＮＣＥ", "bill_query", "bill_balance"),
        ("網點幾點關門", "store_info", "store_hours"),
    ],
)
def test_spelling_and_script_do_not_matter(text: str, request_type: str, wanted: str) -> None:
    entry, score = first(text, request_type)
    assert (entry.id, score >= ANSWER_FITS) == (wanted, True)


@pytest.mark.parametrize("text", ["", "？？？", "😀", "的了吗", "qwertyuiop", "㐂"])
def test_a_text_without_content_fits_nothing(text: str) -> None:
    assert all(score < ANSWER_FITS for _, score in best_answers(ENTRIES, text))


def test_scores_are_between_zero_and_one() -> None:
    scores = [score for ask in ENTRIES[0].asks for _, score in best_answers(ENTRIES, ask, most=200)]
    assert 0 <= min(scores) <= max(scores) <= 1.0000001


def test_only_entries_of_the_type_are_returned_best_first() -> None:
    found = best_answers(ENTRIES, "余额", request_type="bill_query", most=5)
    assert {entry.type for entry, _ in found} == {"bill_query"}
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_a_pool_without_entries_has_no_answer() -> None:
    assert best_answers(ENTRIES, "余额", request_type="praise") == []
    assert best_answers([], "余额") == []
