"""Tuning the ear 语感调校: multilingual-e5-small learns how bad replies sound, with PyTorch.

    make ear

As `tune_encoder`, and in the same environment; here the head is kept, for nothing else is fitted
behind it. It tells bad from fine, and, to learn more from each line, the families apart; only the
first is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from bot.coach.tune_encoder import Encoder, Sentences, balance, descend

SCALE = 20.0  # of the vectors of length one that the engine gives
_SMOOTHING = 0.05
_FAMILY_SMOOTHING = 0.1
_FAMILY_SHARE = 0.3


class Hearing(nn.Module):
    """The encoder with its head: bad or fine, then one score per family."""

    def __init__(self, file: Path, layers: int, families: int) -> None:
        super().__init__()
        self.encoder = Encoder(file, layers)
        width = self.encoder.norm.normalized_shape[0]
        self.head = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(width, width), nn.GELU(),
            nn.Dropout(0.3), nn.Linear(width, 2 + families),
        )  # fmt: skip

    def forward(self, pieces: Any, there: Any, dropped: float) -> Any:
        """Return the scores of each text."""
        with torch.autocast("cpu", torch.bfloat16):
            vectors = self.encoder(pieces, there, dropped)
        return self.head(F.normalize(vectors.float(), dim=1) * SCALE)

    def kept(self) -> dict[str, np.ndarray]:
        """Return the layers in the form of the engine's file, and the head of bad against fine."""
        first, second = (part for part in self.head if isinstance(part, nn.Linear))
        return {
            **self.encoder.changes(),
            "head.scale": np.float32(SCALE),
            "head.first.w": first.weight.detach().numpy().astype(np.float16),
            "head.first.b": first.bias.detach().numpy(),
            "head.second.w": (second.weight[1] - second.weight[0]).detach().numpy(),
            "head.second.b": (second.bias[1] - second.bias[0]).detach().numpy(),
        }


def tune(file: Path, lines: Path, target: Path, given: argparse.Namespace) -> None:
    """Tune layers and head together and write them."""
    torch.manual_seed(1)
    draw = np.random.default_rng(1)
    data = Sentences(lines, dropped=given.dropped_pieces)
    hearing = Hearing(file, given.layers, int(data.types.max()) + 1)
    weights = (
        balance(data.levels[data.learned], 2),
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
    bad, family = torch.tensor(data.levels[rows]), torch.tensor(data.types[rows])
    each = F.cross_entropy(told[:, :2], bad, label_smoothing=_SMOOTHING, reduction="none")
    loss = (each * weights[0][bad]).mean()
    wrong = bad == 1
    if wrong.any():
        named = F.cross_entropy(
            told[wrong][:, 2:], family[wrong], label_smoothing=_FAMILY_SMOOTHING, reduction="none"
        )
        loss = loss + _FAMILY_SHARE * (named * weights[1][family[wrong]]).mean()
    return loss


def _right(hearing: Hearing, data: Sentences) -> float:
    rows, right = data.left_out, 0
    for some in np.array_split(rows[np.argsort([len(data.parts[row]) for row in rows])], 60):
        told = hearing(*data.batch(some), 0.0)[:, :2]
        right += int((told.argmax(1).numpy() == data.levels[some]).sum())
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
    given = parser.parse_args()
    tune(given.folder / "shipped.bin", given.folder / "lines.npz", given.target, given)


if __name__ == "__main__":
    main()
