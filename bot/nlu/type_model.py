"""The type model 类型模型: from features to calibrated probabilities of every request type.

A multinomial regression over both blocks and two networks with one hidden layer, which differ in
what they began with, have the same say each; one temperature, found on folds split by situation,
makes their confidence mean what it says.
Stored as arrays and JSON, never pickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.nlu.hidden import Hidden, HiddenSettings, fit_hidden
from bot.nlu.linear import Features, Penalty, Weights, balance, fit, folds, softmax, temperature


@dataclass(frozen=True, slots=True)
class TypeSettings:
    """How the model is fitted; the values were chosen with `intake coach compare`."""

    sparse_penalty: float = 1e-5
    dense_penalty: float = 3e-5
    smoothing: float = 0.1
    rounds: int = 80
    balance: float = 0.5
    copy_weight: float = 0.5
    folds: int = 5
    networks: int = 2
    units: int = 128
    epochs: int = 20
    dropped: float = 0.5
    dropped_input: float = 0.5

    def hidden(self) -> tuple[HiddenSettings, ...]:
        """Return the settings of the networks."""
        return tuple(HiddenSettings.of(self, 1 + number) for number in range(self.networks))

    def penalty(self) -> Penalty:
        """Return the penalty of the regression."""
        return Penalty(self.sparse_penalty, self.dense_penalty, self.smoothing, self.rounds)


@dataclass(frozen=True, slots=True)
class TypeModel:
    """A fitted type model; columns of the probabilities are in the order of `labels`."""

    labels: tuple[str, ...]
    weights: Weights
    networks: tuple[Hidden, ...]  # none in an archive of before there were any
    temperature: float

    def probabilities(self, features: Features) -> np.ndarray:
        """Return one row of probabilities per text."""
        return softmax(blended(self.weights, self.networks, features) / self.temperature)

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""
        head = {"labels": list(self.labels), "temperature": self.temperature}
        (folder / "types.json").write_text(json.dumps(head), encoding="utf-8")
        stored = self.weights.arrays()
        for number, network in enumerate(self.networks):
            stored |= network.arrays(f"hidden{number}")
        np.savez(folder / "types.npz", **stored)

    @classmethod
    def load(cls, folder: Path) -> TypeModel:
        """Read what `save` wrote."""
        head = json.loads((folder / "types.json").read_text(encoding="utf-8"))
        with np.load(folder / "types.npz", allow_pickle=False) as stored:
            weights = Weights.of(stored)
            names = [key.removesuffix("_out_bias") for key in stored if key.endswith("_out_bias")]
            networks = tuple(Hidden.of(stored, name) for name in names)
        return cls(tuple(head["labels"]), weights, networks, float(head["temperature"]))


def blended(weights: Weights, networks: Sequence[Hidden], features: Features) -> np.ndarray:
    """Return scores in which the regression and each network have the same say."""
    chances = (softmax(part.scores(features)) for part in (weights, *networks))
    scores: np.ndarray = sum(np.log(row + 1e-9) for row in chances)
    return scores


def fit_types(
    features: Features,
    types: Sequence[str],
    groups: Sequence[str],
    *,
    copies: np.ndarray | None = None,
    settings: TypeSettings | None = None,
) -> TypeModel:
    """Fit the model; rows marked in `copies` are noisy copies and never judge it."""
    settings = settings or TypeSettings()
    labels = tuple(sorted(set(types)))
    index = {label: i for i, label in enumerate(labels)}
    wanted = np.array([index[name] for name in types])
    copied = np.zeros(len(wanted), bool) if copies is None else copies
    weight = balance(wanted, len(labels), settings.balance)
    weight = weight * np.where(copied, settings.copy_weight, 1.0)

    def fitted(rows: np.ndarray) -> tuple[Weights, tuple[Hidden, ...]]:
        some, right, share = features.rows(rows), wanted[rows], weight[rows]
        regression = fit(some, right, len(labels), weight=share, penalty=settings.penalty())
        return regression, tuple(
            fit_hidden(some, right, len(labels), weight=share, settings=each)
            for each in settings.hidden()
        )

    heat = 1.0
    if len(set(groups)) >= settings.folds > 1:
        # One number is found well enough on one fold; the others would only cost time.
        train, test = next(folds(wanted, groups, settings.folds))
        judged = test[~copied[test]]
        heat = temperature(blended(*fitted(train), features.rows(judged)), wanted[judged])
    return TypeModel(labels, *fitted(np.arange(len(wanted))), heat)
