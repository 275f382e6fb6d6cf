"""`intake classify`: lines in, labelled lines out, same order, nothing lost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bot.coach import classify
from bot.coach.classify import classified, labels, parsed
from bot.handbook.tables import Handbook
from bot.nlu import sentence_vectors
from bot.nlu.linear import Features
from bot.nlu.ngrams import Ngrams
from bot.nlu.reader import Reader, Reading
from bot.nlu.request_model import fit_requests

TEXTS = ["宽带断了没网", "家里宽带坏了", "查话费", "话费多少", "你好", "您好啊"] * 3
TYPES = ["fault_broadband", "fault_broadband", "bill_query", "bill_query", "greet", "greet"] * 3
LEVELS = ["general", "major", "general", "urgent", "general", "general"] * 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store a tiny model as an archive, without Rasa."""
    import tarfile

    folder = tmp_path_factory.mktemp("model")
    ngrams = Ngrams.fit(TEXTS)
    features = Features(ngrams.matrix(TEXTS), np.zeros((len(TEXTS), 0), np.float32))
    groups = [str(i) for i in range(len(TEXTS))]
    ngrams.save(folder)
    sentence_vectors.save(folder, np.zeros(0, np.float32), scale=1.0)
    fit_requests(features, TYPES, groups, levels=LEVELS).save(folder)
    archive = folder / "tiny.tar.gz"
    with tarfile.open(archive, "w:gz") as stored:
        for path in folder.iterdir():
            if path != archive:
                stored.add(path, f"components/{path.name}")
    return archive


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("查话费\n", {"text": "查话费\n"}),
        ('{"text": "查话费", "id": 7}', {"text": "查话费", "id": 7}),
        ('{"id": 7}', {"text": '{"id": 7}'}),
        ("{坏的", {"text": "{坏的"}),
    ],
)
def test_a_line_is_an_object_or_plain_text(line: str, expected: dict[str, Any]) -> None:
    assert parsed(line) == expected


def test_every_line_comes_back_in_order_with_its_fields(
    model: Path, tmp_path: Path, handbook: Handbook
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "宽带断了", "id": 1}\n查话费\n\n{"text": "", "id": 3}\n', "utf-8")
    parser = argparse.ArgumentParser()
    classify.add_arguments(parser)
    classify.run(
        parser.parse_args(
            ["--input", str(source), "--output", str(target), "--model", str(model)]
        )
    )

    rows = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [(row["text"], row.get("id")) for row in rows] == [("宽带断了", 1), ("查话费", None), ("", 3)]
    assert [row["type"] for row in rows[:2]] == ["fault_broadband", "bill_query"]
    assert rows[0]["deadline_class"] in handbook.classes


class Fixed:
    """Say the same of every text."""

    def __init__(self, reading: Reading):
        self.reading = reading

    def read(self, texts: Sequence[str]) -> Iterator[Reading]:
        """Answer once per text."""
        yield from (self.reading for _ in texts)


@pytest.mark.parametrize(
    ("kind", "level", "urgency", "deadline"),
    [
        ("fault_broadband", "urgent", "urgent", "urgent"),
        ("bill_query", "general", "general", "consultation"),
        ("payment", "major", "major", "major"),
        ("ticket_urge", "urgent", None, None),
        ("greet", "general", None, None),
    ],
)
def test_tickets_and_talk_have_no_urgency(
    handbook: Handbook, kind: str, level: str, urgency: str | None, deadline: str | None
) -> None:
    reading = Reading(((kind, 0.8),), level, 0.7, (0.7, 0.2, 0.1))

    row = labels(reading, handbook)
    assert (row["urgency"], row["deadline_class"]) == (urgency, deadline)
    assert (row["urgency_confidence"] is None) is (urgency is None)


def test_chunks_do_not_lose_the_last_lines(handbook: Handbook) -> None:
    reader = cast(Reader, Fixed(Reading((("greet", 0.8),), "general", 0.7, (0.7, 0.2, 0.1))))

    rows = list(classified((f"第{i}行" for i in range(classify.CHUNK + 5)), reader, handbook))
    assert [rows[0]["text"], rows[-1]["text"]] == ["第0行", f"第{classify.CHUNK + 4}行"]
    assert len(rows) == classify.CHUNK + 5


@pytest.mark.parametrize("text", ["", "😀😀", "？？！", " _ "])
def test_what_has_no_word_is_unclear(handbook: Handbook, text: str) -> None:
    reader = cast(Reader, Fixed(Reading((("greet", 0.8),), "general", 0.7, (0.7, 0.2, 0.1))))

    [row] = classified([json.dumps({"text": text})], reader, handbook)
    assert (row["type"], row["urgency"], row["deadline_class"]) == ("unclear", None, None)


def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make train"):
        Reader.open(tmp_path)
