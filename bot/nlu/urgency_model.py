"""Levels of urgency 紧急程度: from chances to a level, with thresholds that weigh what a mistake costs.

A missed urgent case costs more than a false one, so `urgent` is chosen long before it is the
likeliest level. The two thresholds are found on rows that the weights have not seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.nlu.hidden import Hidden, Task
from bot.nlu.linear import Features, Weights, balance, softmax, temperature

LEVELS = ("general", "major", "urgent")

# Rows: what it was; columns: what was said. A missed urgent case is the worst mistake.
COST = np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0], [10.0, 5.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which chance on a level is chosen, and the temperature of these chances."""

    temperature: float = 1.0
    urgent_from: float = 0.5
    major_from: float = 0.5

    def levels(self, chances: np.ndarray) -> np.ndarray:
        """Return the level chosen for each row, as an index into `LEVELS`."""
        return chosen(chances, self.urgent_from, self.major_from)


@dataclass(frozen=True, slots=True)
class UrgencyModel:
    """A model of urgency alone, as archives of before the shared networks hold it."""

    part: Hidden | Weights
    thresholds: Thresholds

    def chances(self, features: Features) -> np.ndarray:
        """Return one row of level probabilities per text."""
        return softmax(self.part.scores(features) / self.thresholds.temperature)

    @classmethod
    def load(cls, folder: Path) -> UrgencyModel:
        """Read the model from the files of its time."""
        head = Thresholds(**json.loads((folder / "urgency.json").read_text(encoding="utf-8")))
        with np.load(folder / "urgency.npz", allow_pickle=False) as stored:
            read = Hidden.of if "hidden_bias" in stored else Weights.of
            return cls(read(stored), head)


def marks_of(levels: Sequence[str]) -> np.ndarray:
    """Return the index of each level, -1 where there is none."""
    return np.array([LEVELS.index(level) if level in LEVELS else -1 for level in levels])


def level_task(marks: np.ndarray, share: float) -> Task:
    """Return the task of the urgency; a sentence that carries none, -1, says nothing about it."""
    weight = np.zeros(len(marks))
    weight[marks >= 0] = balance(marks[marks >= 0], len(LEVELS), share)
    return Task(marks, len(LEVELS), weight)


def chosen(chances: np.ndarray, urgent_from: float, major_from: float) -> np.ndarray:
    """Apply the thresholds: urgent first, then major, else general."""
    urgent = chances[:, 2] >= urgent_from
    major = chances[:, 1] + chances[:, 2] >= major_from
    return np.where(urgent, 2, np.where(major, 1, 0))


def thresholds(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    floors: np.ndarray | None = None,
    least_precision: float = 0.85,
    wanted_recall: float = 0.97,
) -> Thresholds:
    """Find the temperature of scores and the thresholds of urgent and major on held-out rows.

    Urgent: the highest threshold that still reaches the wanted recall, unless precision would
    fall under its bound; then the lowest that keeps the bound. Major: the cheapest by `COST`.
    """
    heat = temperature(scores, labels)
    chances = softmax(scores / heat)
    steps = np.linspace(0.02, 0.9, 89)
    urgent = labels == 2
    least = np.zeros(len(labels), int) if floors is None else floors
    urgent_from = 0.5
    for step in steps[::-1]:
        said = (chances[:, 2] >= step) | (least == 2)
        hits = int((said & urgent).sum())
        if said.sum() and hits / said.sum() < least_precision:
            break
        urgent_from = float(step)
        if urgent.sum() and hits / urgent.sum() >= wanted_recall:
            break
    costs = [
        COST[labels, np.maximum(chosen(chances, urgent_from, float(step)), least)].mean()
        for step in steps
    ]
    return Thresholds(heat, urgent_from, float(steps[int(np.argmin(costs))]))
