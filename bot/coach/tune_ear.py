"""Tuning the ear 语感调校: multilingual-e5-small learns how bad replies sound, with PyTorch.

    make ear

As `tune_encoder`, and in the same environment; here the head is kept, for nothing else is fitted
behind it. It tells bad from fine, of bad ones what is held back from what is warned of, and, to
learn more from each line, the families apart; the first two are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from bot.coach.tune_encoder import Encoder, Sentences, balance, before, descend, narrow

SCALE = 20.0  # of the vectors of length one that the engine gives
_SMOOTHING = 0.05
_FAMILY_SMOOTHING = 0.1
_FAMILY_SHARE = 0.3
_LEVEL_SHARE = 0.5
_FIXED = 3  # scores before those of the families: fine, bad, and held back against warned of


class Hearing(nn.Module):
    """The encoder with its head: fine, bad, held back, then one score per family."""

    def __init__(
        self, file: Path, layers: int, families: int, tuned: Mapping[str, np.ndarray]
    ) -> None:
        super().__init__()
        self.encoder = Encoder(file, layers, tuned)
        width = self.encoder.norm.normalized_shape[0]
        self.head = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(width, width), nn.GELU(),
            nn.Dropout(0.3), nn.Linear(width, _FIXED + families),
        )  # fmt: skip
        if tuned:
            self._take_up(tuned)

    def _take_up(self, tuned: Mapping[str, np.ndarray]) -> None:
        """Go on with a head that was kept; the families it does not tell are learned anew."""
        first, second = (part for part in self.head if isinstance(part, nn.Linear))
        first.weight.data = torch.tensor(tuned["head.first.w"].astype(np.float32))
        first.bias.data = torch.tensor(tuned["head.first.b"])
        bad, bias = torch.tensor(tuned["head.second.w"]), torch.tensor(tuned["head.second.b"])
        for row, sign in enumerate((-0.5, 0.5)):
            second.weight.data[row], second.bias.data[row] = sign * bad, sign * bias
        if "head.grave.w" in tuned:
            second.weight.data[2] = torch.tensor(tuned["head.grave.w"])
            second.bias.data[2] = torch.tensor(tuned["head.grave.b"])

    def forward(self, pieces: Any, there: Any, dropped: float) -> Any:
        """Return the scores of each text."""
        with narrow():
            vectors = self.encoder(pieces, there, dropped)
        return self.head(F.normalize(vectors.float(), dim=1) * SCALE)

    def kept(self) -> dict[str, np.ndarray]:
        """Return the layers in the form of the engine's file, and the head without the families."""
        first, second = (part for part in self.head if isinstance(part, nn.Linear))
        return {
            **self.encoder.changes(),
            "head.scale": np.float32(SCALE),
            "head.first.w": first.weight.detach().numpy().astype(np.float16),
            "head.first.b": first.bias.detach().numpy(),
            "head.second.w": (second.weight[1] - second.weight[0]).detach().numpy(),
            "head.second.b": (second.bias[1] - second.bias[0]).detach().numpy(),
            "head.grave.w": second.weight[2].detach().numpy(),
            "head.grave.b": second.bias[2].detach().numpy(),
        }


def tune(file: Path, lines: Path, target: Path, given: argparse.Namespace) -> None:
    """Tune layers and head together and write them."""
    torch.manual_seed(1)
    draw = np.random.default_rng(1)
    data = Sentences(lines, dropped=given.dropped_pieces)
    hearing = Hearing(file, given.layers, int(data.types.max()) + 1, before(given.on))
    weights = (
        balance((data.levels[data.learned] != 0).astype(int), 2),
        balance(data.types[data.learned], int(data.types.max()) + 1),
    )
    epochs = [data.epoch(given.batch, draw) for _ in range(given.epochs)]
    descend(
        hearing.encoder, hearing.head, epochs,
        lambda rows: _loss(hearing(*data.batch(rows, draw), given.dropped), data, rows, weights),
        lambda: _right(hearing, data), given,
    )  # fmt: skip
    half = target.with_suffix(".half.npz")
    np.savez_compressed(half, **hearing.kept())
    half.replace(target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def _loss(told: Any, data: Sentences, rows: np.ndarray, weights: tuple[Any, Any]) -> Any:
    level, family = torch.tensor(data.levels[rows]), torch.tensor(data.types[rows])
    wrong, known = level != 0, level > 0
    bad = wrong.long()
    each = F.cross_entropy(told[:, :2], bad, label_smoothing=_SMOOTHING, reduction="none")
    loss = (each * weights[0][bad]).mean()
    if wrong.any():
        named = F.cross_entropy(
            told[wrong][:, _FIXED:], family[wrong], label_smoothing=_FAMILY_SMOOTHING,
            reduction="none",
        )  # fmt: skip
        loss = loss + _FAMILY_SHARE * (named * weights[1][family[wrong]]).mean()
    if known.any():
        wanted = _SMOOTHING / 2 + (1 - _SMOOTHING) * (level[known] == 2).float()
        loss = loss + _LEVEL_SHARE * F.binary_cross_entropy_with_logits(told[known][:, 2], wanted)
    return loss


def _right(hearing: Hearing, data: Sentences) -> float:
    """Return the share of left-out lines that are told right, fine, warned of or held back."""
    rows, right = data.left_out, 0
    for some in np.array_split(rows[np.argsort([len(data.parts[row]) for row in rows])], 60):
        told, level = hearing(*data.batch(some), 0.0).numpy(), data.levels[some]
        bad = told[:, 1] > told[:, 0]
        alike = (level == -1) | (level == 1 + (told[:, 2] > 0))
        right += int(np.where(level == 0, ~bad, bad & alike).sum())
    return right / len(rows)


def main() -> None:
    """Read the arguments and tune."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where encoder_sentences wrote")
    parser.add_argument("target", type=Path, help="tone.npz")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--head-rate", type=float, default=2e-3)
    parser.add_argument("--dropped", type=float, default=0.1)
    parser.add_argument("--dropped-pieces", type=float, default=0.1)
    parser.add_argument("--warm-up", type=int, default=100, help="steps")
    parser.add_argument("--on", type=Path, help="an ear that was tuned before, to go on from")
    given = parser.parse_args()
    tune(given.folder / "shipped.bin", given.folder / "lines.npz", given.target, given)


if __name__ == "__main__":
    main()
