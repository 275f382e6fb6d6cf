"""The urgency model 紧急程度模型: three levels, with thresholds that weigh what a mistake costs.

A network with one hidden layer over both blocks of features: how bad it is often lies in two
words together. A missed urgent case costs more than a false one, so `urgent` is chosen long
before it is the likeliest level. The two thresholds are found on folds split by situation, never on rows that
the weights have seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.nlu.hidden import Hidden, HiddenSettings, fit_hidden
from bot.nlu.linear import Features, Weights, balance, folds, softmax, temperature

LEVELS = ("general", "major", "urgent")

# Rows: what it was; columns: what was said. A missed urgent case is the worst mistake.
COST = np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0], [10.0, 5.0, 0.0]])


@dataclass(frozen=True, slots=True)
class UrgencySettings:
    """How the model is fitted; `least_precision` bounds false alarms."""

    units: int = 128
    epochs: int = 12
    dropped: float = 0.4
    dropped_input: float = 0.2
    smoothing: float = 0.1
    balance: float = 0.5
    copy_weight: float = 0.5
    folds: int = 4
    least_precision: float = 0.85
    wanted_recall: float = 0.97

    def network(self) -> HiddenSettings:
        """Return the settings of the network."""
        return HiddenSettings.of(self)


@dataclass(frozen=True, slots=True)
class UrgencyModel:
    """A fitted model with the thresholds of `urgent` and `major`."""

    network: Hidden | Weights  # weights alone in an archive of before there was a network
    temperature: float
    urgent_from: float
    major_from: float

    def probabilities(self, features: Features) -> np.ndarray:
        """Return one row of level probabilities per text."""
        return softmax(self.network.scores(features) / self.temperature)

    def levels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the level chosen for each row, as an index into `LEVELS`."""
        return chosen(probabilities, self.urgent_from, self.major_from)

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        head = {
            "temperature": self.temperature,
            "urgent_from": self.urgent_from,
            "major_from": self.major_from,
        }
        (folder / "urgency.json").write_text(json.dumps(head), encoding="utf-8")
        np.savez(folder / "urgency.npz", **self.network.arrays())

    @classmethod
    def load(cls, folder: Path) -> UrgencyModel:
        """Read what `save` wrote."""
        head = json.loads((folder / "urgency.json").read_text(encoding="utf-8"))
        with np.load(folder / "urgency.npz", allow_pickle=False) as stored:
            if "hidden_bias" in stored:
                return cls(Hidden.of(stored), **head)
            return cls(Weights.of(stored), **head)


def chosen(probabilities: np.ndarray, urgent_from: float, major_from: float) -> np.ndarray:
    """Apply the thresholds: urgent first, then major, else general."""
    urgent = probabilities[:, 2] >= urgent_from
    major = probabilities[:, 1] + probabilities[:, 2] >= major_from
    return np.where(urgent, 2, np.where(major, 1, 0))


def fit_urgency(
    features: Features,
    levels: Sequence[str],
    groups: Sequence[str],
    *,
    copies: np.ndarray | None = None,
    floors: np.ndarray | None = None,
    settings: UrgencySettings | None = None,
) -> UrgencyModel:
    """Fit the model on the rows of requests, and its thresholds on held-out folds.

    `floors` are the levels that signals demand anyway; thresholds are chosen for both together.
    """
    settings = settings or UrgencySettings()
    wanted = np.array([LEVELS.index(level) for level in levels])
    copied = np.zeros(len(wanted), bool) if copies is None else copies
    weight = balance(wanted, 3, settings.balance) * np.where(copied, settings.copy_weight, 1.0)

    def fitted(rows: np.ndarray) -> Hidden:
        return fit_hidden(
            features.rows(rows), wanted[rows], 3, weight=weight[rows], settings=settings.network()
        )

    network = fitted(np.arange(len(wanted)))
    if len(set(groups)) < settings.folds:
        return UrgencyModel(network, 1.0, 0.5, 0.5)
    least = np.zeros(len(wanted), int) if floors is None else floors
    scores, truth, lifted = [], [], []
    for train, test in folds(wanted, groups, settings.folds):
        judged = test[~copied[test]]
        scores.append(fitted(train).scores(features.rows(judged)))
        truth.append(wanted[judged])
        lifted.append(least[judged])
    held_out, labels = np.vstack(scores), np.concatenate(truth)
    heat = temperature(held_out, labels)
    chances = softmax(held_out / heat)
    found = thresholds(chances, labels, settings, floors=np.concatenate(lifted))
    return UrgencyModel(network, heat, *found)


def thresholds(
    probabilities: np.ndarray,
    labels: np.ndarray,
    settings: UrgencySettings,
    *,
    floors: np.ndarray | None = None,
) -> tuple[float, float]:
    """Find the thresholds of urgent and major on held-out rows.

    Urgent: the highest threshold that still reaches the wanted recall, unless precision would
    fall under its bound; then the lowest that keeps the bound. Major: the cheapest by `COST`.
    """
    steps = np.linspace(0.02, 0.9, 89)
    urgent = labels == 2
    least = np.zeros(len(labels), int) if floors is None else floors
    urgent_from = 0.5
    for step in steps[::-1]:
        said = (probabilities[:, 2] >= step) | (least == 2)
        hits = int((said & urgent).sum())
        if said.sum() and hits / said.sum() < settings.least_precision:
            break
        urgent_from = float(step)
        if urgent.sum() and hits / urgent.sum() >= settings.wanted_recall:
            break
    costs = [
        COST[labels, np.maximum(chosen(probabilities, urgent_from, float(step)), least)].mean()
        for step in steps
    ]
    return urgent_from, float(steps[int(np.argmin(costs))])
