"""`intake coach compare` 模型比较: ways of modelling, measured side by side.

Every way is scored on a tenth of the training situations, which neither it nor the tuned encoder
has seen, and, fitted on all of them, on the files that are named. Only figures are printed. Rasa
is not loaded; a full run takes hours, `--only` picks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zlib import crc32

import numpy as np

from bot.coach.examples import Example, read_examples, read_training
from bot.coach.scores import calibration, macro_f1, per_class
from bot.nlu import sentence_vectors, tuned_vectors
from bot.nlu.hidden import HiddenSettings, Task, fit_hidden
from bot.nlu.linear import Features, Penalty, balance, fit, softmax, temperature
from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.nlu.noise import Noise
from bot.nlu.request_model import RequestSettings, blended, log_chances
from bot.nlu.second_reading import SecondSettings, fit_second
from bot.nlu.tuned_vectors import left_out
from bot.nlu.urgency_model import LEVELS, level_task, marks_of, thresholds

_HEAT = 1.7  # to which the first reading of a served model is calibrated


@dataclass(frozen=True, slots=True)
class Way:
    """One way of modelling; the defaults are those of `config.yml` for the first reading."""

    name: str
    ngrams: NgramSettings = field(default_factory=NgramSettings)
    vectors: bool = True
    scale: float = 1.0
    penalty: Penalty = field(default_factory=lambda: Penalty(1e-5, 3e-5, smoothing=0.1))
    networks: tuple[HiddenSettings, ...] = field(default_factory=RequestSettings().hidden)
    balance: float = 0.5
    copies: int = 0
    vote: float = 0.0
    by_kind: bool = False
    apart: bool = False  # types and urgency are learned by different networks
    second: SecondSettings | None = None  # read once
    share: float = 1.0  # of the situations; how much more writing would bring can be read off


_PLAIN = Way("plain")
WAYS: tuple[Way, ...] = (
    replace(_PLAIN, name="an eighth of the data", share=1 / 8),
    replace(_PLAIN, name="a quarter of the data", share=1 / 4),
    replace(_PLAIN, name="half of the data", share=1 / 2),
    replace(_PLAIN, name="sparse", vectors=False),
    replace(_PLAIN, name="sparse without sounds", vectors=False, ngrams=NgramSettings(longest_sound=0)),
    _PLAIN,
    replace(_PLAIN, name="regression alone", networks=()),
    replace(_PLAIN, name="one network", networks=RequestSettings(networks=1).hidden()),
    replace(_PLAIN, name="networks of 256", networks=RequestSettings(units=256).hidden()),
    replace(_PLAIN, name="networks, fewer n-grams left out", networks=RequestSettings(dropped_input=0.3).hidden()),
    replace(_PLAIN, name="networks, less left out", networks=RequestSettings(dropped=0.4, dropped_input=0.2, epochs=12).hidden()),
    replace(_PLAIN, name="networks of 128", networks=RequestSettings(units=128).hidden()),
    replace(_PLAIN, name="urgency apart", apart=True),
    replace(_PLAIN, name="without sounds", ngrams=NgramSettings(longest_sound=0)),
    replace(_PLAIN, name="without fillers", ngrams=NgramSettings(fillers=False)),
    replace(_PLAIN, name="n-grams to 3", ngrams=NgramSettings(longest=3)),
    replace(_PLAIN, name="n-grams to 5", ngrams=NgramSettings(longest=5)),
    replace(_PLAIN, name="scale 2", scale=2.0),
    replace(_PLAIN, name="scale 8", scale=8.0),
    replace(_PLAIN, name="dense penalty 1e-5", penalty=Penalty(1e-5, 1e-5, smoothing=0.1)),
    replace(_PLAIN, name="penalty 1e-4", penalty=Penalty(1e-4, 1e-4, smoothing=0.1)),
    replace(_PLAIN, name="labels unsmoothed", penalty=Penalty(1e-5, 3e-5)),
    replace(_PLAIN, name="labels smoothed twice", penalty=Penalty(1e-5, 3e-5, smoothing=0.2)),
    replace(_PLAIN, name="no class weights", balance=0.0),
    replace(_PLAIN, name="full class weights", balance=1.0),
    replace(_PLAIN, name="noisy copies", copies=1),
    replace(_PLAIN, name="nearest vote", vote=0.3),
    replace(_PLAIN, name="kind, then type", by_kind=True, networks=()),
    replace(_PLAIN, name="doubts read twice", second=SecondSettings()),
    replace(_PLAIN, name="all read twice", second=SecondSettings(ask_below=1.1)),
    replace(_PLAIN, name="read twice below .7", second=SecondSettings(ask_below=0.7, ask_level_below=0.0)),
    replace(_PLAIN, name="urgency never asked again", second=SecondSettings(ask_level_below=0.0)),
    replace(_PLAIN, name="second reading counts less", second=SecondSettings(share=0.6)),
    replace(_PLAIN, name="second reading counts more", second=SecondSettings(share=3.0)),
    replace(_PLAIN, name="second reading learns of all", second=SecondSettings(most=10_000)),
)  # fmt: skip


def part_of(train: Sequence[Example], share: float) -> Sequence[Example]:
    """Take a share of the situations, always the same ones, with all of their sentences."""
    return [e for e in train if share == 1 or crc32(e.situation.encode()) < share * 2**32]


def class_scores(
    way: Way, train: Sequence[Example], tests: Sequence[Sequence[Example]],
    labels: Sequence[str], kinds: dict[str, str],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Fit one way and return scores of types and of levels of urgency for each set of tests."""
    train = part_of(train, way.share)
    texts = [example.text for example in train]
    wanted = np.array([labels.index(example.type) for example in train])
    weight = balance(wanted, len(labels), way.balance)
    levels = level_task(marks_of([example.urgency or "" for example in train]), way.balance)
    if way.copies:
        noise = Noise(texts)
        texts = texts + [noise.copy(text) for _ in range(way.copies) for text in texts]
        wanted = np.tile(wanted, way.copies + 1)
        weight = np.concatenate([weight, *[weight * 0.5] * way.copies])
        stress = np.concatenate([levels.weight, *[levels.weight * 0.5] * way.copies])
        levels = Task(np.tile(levels.labels, way.copies + 1), levels.classes, stress)
    ngrams = Ngrams.fit(texts, way.ngrams)
    mean = sentence_vectors.encode(texts).mean(axis=0) if way.vectors else None

    def features(some: Sequence[str]) -> Features:
        dense = np.zeros((len(some), 0), np.float32)
        if mean is not None:
            dense = sentence_vectors.centred(sentence_vectors.encode(some), mean, scale=way.scale)
        return Features(ngrams.matrix(some), dense)

    known = features(texts)
    asked = [features([example.text for example in rows]) for rows in tests]
    flat = fit(known, wanted, len(labels), weight=weight, penalty=way.penalty)
    types = Task(wanted, len(labels), weight)
    told = bool((levels.labels >= 0).any())
    shared = [types, levels] if told and not way.apart else [types]
    networks = [fit_hidden(known, shared, each) for each in way.networks]
    results = [blended(flat, networks, some) for some in asked]
    if told and way.apart:
        alone = [fit_hidden(known, [levels], each) for each in way.networks]
        results = [
            (kind, np.sum([log_chances(part.scores(some)) for part in alone], axis=0))
            for (kind, _), some in zip(results, asked, strict=True)
        ]
    if way.by_kind:
        found = _by_kind(way, known, wanted, weight, asked, labels, kinds)
        results = [(kind, level) for kind, (_, level) in zip(found, results, strict=True)]
    if way.vote:
        results = [
            ((1 - way.vote) * log_chances(kind)
             + way.vote * np.log(_votes(known, wanted, some, len(labels))), level)
            for (kind, level), some in zip(results, asked, strict=True)
        ]  # fmt: skip
    return _read_twice(way, texts, types, levels.labels if told else None, tests, results)


def _read_twice(
    way: Way, texts: Sequence[str], types: Task, marks: np.ndarray | None,
    tests: Sequence[Sequence[Example]], results: Sequence[tuple[np.ndarray, np.ndarray]],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read again what is doubted, without the fine calibration of a served model."""
    if way.second is None:
        return list(results)
    second = fit_second(texts, types.labels, types.classes, way.second, marks)
    twice = []
    for rows, (kind, level) in zip(tests, results, strict=True):
        said = [each.text for each in rows]
        chances, stressed = second.read(said, kind, level, softmax(kind / _HEAT))
        twice.append((np.log(chances + 1e-9), stressed))
    return twice


def _by_kind(
    way: Way, known: Features, wanted: np.ndarray, weight: np.ndarray,
    asked: Sequence[Features], labels: Sequence[str], kinds: dict[str, str],
) -> list[np.ndarray]:
    """Choose the kind first, then the type among those of the kind."""
    names = sorted(set(kinds.values()))
    of_label = np.array([names.index(kinds[label]) for label in labels])
    top = fit(known, of_label[wanted], len(names), weight=weight, penalty=way.penalty)
    results = [np.zeros((len(some), len(labels))) for some in asked]
    for k in range(len(names)):
        members = np.flatnonzero(of_label == k)
        rows = np.flatnonzero(of_label[wanted] == k)
        place = {label: i for i, label in enumerate(members)}
        inner = np.array([place[label] for label in wanted[rows]])
        model = fit(known.rows(rows), inner, len(members), weight=weight[rows], penalty=way.penalty)
        for result, some in zip(results, asked, strict=True):
            result[:, members] = softmax(top.scores(some))[:, [k]] * softmax(model.scores(some))
    return [np.log(result + 1e-9) for result in results]


def _votes(known: Features, wanted: np.ndarray, asked: Features, classes: int) -> np.ndarray:
    """Let the ten nearest training sentences vote, weighted by likeness."""
    likeness = asked.dense @ known.dense.T + (asked.sparse @ known.sparse.T).toarray()
    best = np.argpartition(-likeness, 10, axis=1)[:, :10]
    votes = np.full((len(asked), classes), 0.02)
    for i, near in enumerate(best):
        np.add.at(votes[i], wanted[near], np.exp(3 * (likeness[i, near] - likeness[i, near].max())))
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def right(scores: np.ndarray, rows: Sequence[Example], labels: Sequence[str]) -> np.ndarray:
    """Tell for each row whether the best label is accepted."""
    said = [labels[i] for i in scores.argmax(axis=1)]
    return np.array(
        [s == e.type or (not e.sure and s in e.also) for s, e in zip(said, rows, strict=True)]
    )


def measure(
    way: Way, train: Sequence[Example], files: Sequence[Sequence[Example]], *,
    labels: Sequence[str], kinds: dict[str, str],
) -> list[str]:
    """Return the figures of one way: what was left out, calibration, then each file."""
    seen = [example for example in train if not left_out(example.situation)]
    unseen = [example for example in train if left_out(example.situation)]
    wanted = np.array([labels.index(example.type) for example in unseen])
    [(held_out, stress)] = class_scores(way, seen, [unseen], labels, kinds)
    chances = softmax(held_out / temperature(held_out, wanted))
    hits = chances.argmax(axis=1) == wanted
    figures = [f"{hits.mean():.4f}", f"{calibration(chances.max(axis=1), hits)['ece']:.4f}"]
    figures += _of_urgency(stress, [example.urgency or "" for example in unseen])
    for rows, (scores, _) in zip(files, class_scores(way, train, files, labels, kinds), strict=True):
        hits = right(scores, rows, labels)
        sure = np.array([row.sure for row in rows])
        figures.append(f"{hits[sure].mean():.4f}")
        figures.append(f"{hits[~sure].mean():.4f}" if (~sure).any() else "-")
    return figures


def _of_urgency(scores: np.ndarray, said: Sequence[str]) -> list[str]:
    """Return macro-F1 and the recall of urgent that its least precision leaves, signals apart."""
    known = np.array([level in LEVELS for level in said])
    if not scores[known].any():
        return ["-", "-"]
    truth = [level for level in said if level in LEVELS]
    found = thresholds(scores[known], np.array([LEVELS.index(level) for level in truth]))
    levels = found.levels(softmax(scores[known] / found.temperature))
    table = per_class(truth, [LEVELS[level] for level in levels])
    found_urgent = table["urgent"]["recall"]["value"] if "urgent" in table else None
    return [f"{macro_f1(table):.4f}", "-" if found_urgent is None else f"{found_urgent:.4f}"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach compare`."""
    parser.add_argument("--data", type=Path, default=Path("data/nlu"), help="training folder")
    parser.add_argument(
        "--on", type=Path, nargs="*",
        default=[Path("tests/nlu/heldout.yml"), Path("tests/nlu/fresh.jsonl")],
        help="further labelled files to score on",
    )  # fmt: skip
    parser.add_argument("--only", nargs="*", default=None, choices=[way.name for way in WAYS], metavar="WAY", help="names of the ways to measure")


def run(args: argparse.Namespace) -> int:
    """Measure the ways and print one line for each."""
    from bot.handbook.tables import load_handbook

    sentence_vectors.remember(100_000)
    train = read_training(args.data)
    files = [read_examples(path) for path in args.on]
    labels = sorted({example.type for example in train})
    kinds = {name: row.kind.value for name, row in load_handbook().types.items()}
    heads = [f"{path.stem[:12]} {part}" for path in args.on for part in ("sure", "unsure")]
    heads = ["left out", "ECE", "urgency F1", "urgent recall", *heads]
    print(f"{'way':<32}" + "".join(f"{h:>20}" for h in heads) + "  seconds")
    for way in WAYS:
        if args.only is not None and way.name not in args.only:
            continue
        if way.second and not tuned_vectors.available():
            print(f"{way.name:<32}  left out: the tuned encoder is missing (extra 'embeddings', AVX2)")
            continue
        began = time.perf_counter()
        row = measure(way, train, files, labels=labels, kinds=kinds)
        spent = time.perf_counter() - began
        print(f"{way.name:<32}" + "".join(f"{f:>20}" for f in row) + f"{spent:>9.0f}", flush=True)
    return 0
