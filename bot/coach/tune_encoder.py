"""Tuning the encoder 编码器调校: multilingual-e5-small learns this trade, with PyTorch.

    make encoder

Run rarely, and never by `make train`: what comes out is `data/encoder/layers.npz`. PyTorch lives
in an environment of its own, so this module uses nothing of the project but `encoder_file`. The
network tells type and urgency from the mean over all pieces, as the engine takes it; that head is
thrown away. Weights are rounded to four bits in every step, so that what is learned is what the
engine will compute with. Sentences marked `left_out` are only scored.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from bot.nlu.encoder_file import Shape, opened, packed, shape, tensors

_MATRICES = ("q", "k", "v", "ao", "fi", "fo")
_NORMS = ("aln", "oln")
_SMOOTHING = 0.1
_URGENCY_SHARE = 0.7


class _Layer(nn.Module):
    """One layer of BERT, normalised behind each half."""

    def __init__(self, stored: dict[str, np.ndarray], number: int, form: Shape) -> None:
        super().__init__()
        self.heads = form.heads
        for name in _MATRICES:
            bias = torch.tensor(stored[f"l{number}.{name}.b"])
            part = nn.Linear(len(stored[f"l{number}.{name}.w"]) // len(bias), len(bias))
            part.weight.data = torch.tensor(stored[f"l{number}.{name}.w"]).view_as(part.weight)
            part.bias.data = bias
            setattr(self, name, part)
        for name in _NORMS:
            norm = nn.LayerNorm(form.width, eps=form.epsilon)
            norm.weight.data = torch.tensor(stored[f"l{number}.{name}.w"])
            norm.bias.data = torch.tensor(stored[f"l{number}.{name}.b"])
            setattr(self, name, norm)

    def forward(self, x: Any, mask: Any, dropped: float) -> Any:
        batch, length, width = x.shape

        def heads(y: Any) -> Any:
            return y.view(batch, length, self.heads, -1).transpose(1, 2)

        heard = F.scaled_dot_product_attention(
            heads(self.q(x)), heads(self.k(x)), heads(self.v(x)), attn_mask=mask
        )
        heard = self.ao(heard.transpose(1, 2).reshape(batch, length, width))
        x = self.aln(x + F.dropout(heard, dropped, self.training))
        return self.oln(x + F.dropout(self.fo(F.gelu(self.fi(x))), dropped, self.training))


def narrow() -> Any:
    """Reckon in bfloat16 where the processor can; where it cannot, that is six times slower."""
    able = torch.cpu._is_avx512_bf16_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=able)


class Encoder(nn.Module):
    """The first layers of the package's network; what is read before them stays as it is.

    `tuned` holds layers that were tuned before, to go on from.
    """

    def __init__(
        self, file: Path, layers: int, tuned: Mapping[str, np.ndarray] | None = None
    ) -> None:
        super().__init__()
        data = file.read_bytes()
        form, stored = shape(data), {}
        for name, (begin, size) in tensors(data).items():
            raw = np.frombuffer(data, np.uint8, size, begin)
            blocks = name == "emb.word" or (name.split(".")[-2] in _MATRICES and name.endswith(".w"))
            stored[name] = opened(raw) if blocks else raw.view(np.float32).copy()
        known = tuned or {}
        for name in stored.keys() & known.keys():
            before = known[name]
            stored[name] = opened(before.ravel()) if before.dtype == np.uint8 else before
        self.words = nn.Embedding.from_pretrained(
            torch.tensor(stored["emb.word"]).view(-1, form.width), freeze=True
        )
        places = torch.tensor(stored["emb.pos"]).view(-1, form.width)
        self.register_buffer("places", places + torch.tensor(stored["emb.type"][: form.width]))
        self.norm = nn.LayerNorm(form.width, eps=form.epsilon)
        self.norm.weight.data = torch.tensor(stored["emb.ln.w"])
        self.norm.bias.data = torch.tensor(stored["emb.ln.b"])
        self.norm.requires_grad_(False)
        self.layers = nn.ModuleList(_Layer(stored, number, form) for number in range(layers))

    def forward(self, pieces: Any, there: Any, dropped: float) -> Any:
        """Return the mean over all pieces of each text."""
        x = self.norm(self.words(pieces) + self.places[: pieces.shape[1]])
        mask = torch.where(there[:, None, None, :], 0.0, -1e9).to(x.dtype)
        for layer in self.layers:
            x = layer(x, mask, dropped)
        known = there[:, :, None].to(x.dtype)
        return (x * known).sum(1) / known.sum(1)

    def matrices(self) -> Iterator[nn.Linear]:
        """Yield the parts that are kept in four bits."""
        return (getattr(layer, name) for layer in self.layers for name in _MATRICES)

    def changes(self) -> dict[str, np.ndarray]:
        """Return all tensors of the layers in the form of the engine's file."""
        told = {}
        for number, layer in enumerate(self.layers):
            for name in (*_MATRICES, *_NORMS):
                part = getattr(layer, name)
                weight = part.weight.detach().numpy()
                told[f"l{number}.{name}.w"] = packed(weight) if name in _MATRICES else weight
                told[f"l{number}.{name}.b"] = part.bias.detach().numpy()
        return told


class Rounded:
    """Four bits inside the block; outside, the finer weights that are still learned."""

    def __init__(self, parts: list[nn.Linear]) -> None:
        self._parts = parts

    def __enter__(self) -> None:
        self._fine = [part.weight.data for part in self._parts]
        for part in self._parts:
            part.weight.data = _rounded(part.weight.data)

    def __exit__(self, *_: object) -> None:
        for part, fine in zip(self._parts, self._fine, strict=True):
            part.weight.data = fine


def _rounded(weights: Any) -> Any:
    """Return what `encoder_file.packed` keeps of the weights."""
    rows = weights.reshape(-1, 32)
    far = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    scale = (far / -8).half().float()
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    return ((rows / scale).round().clamp(-8, 7) * scale).view_as(weights)


class Sentences:
    """What `encoder_sentences` wrote, in batches of like length."""

    def __init__(self, file: Path, *, dropped: float) -> None:
        with np.load(file) as stored:
            self.parts = np.split(stored["pieces"], stored["ends"][:-1])
            self.types, self.levels = stored["types"], stored["levels"]
            out = stored["left_out"]
        self.learned, self.left_out = np.flatnonzero(~out), np.flatnonzero(out)
        self._dropped = dropped

    def batch(self, rows: np.ndarray, draw: np.random.Generator | None = None) -> tuple[Any, Any]:
        """Return pieces and which are there; while learning, some pieces are dropped."""
        some = [self.parts[row] for row in rows]
        if draw is not None:
            some = [self._drop(part, draw) for part in some]
        pieces = torch.ones(len(some), max(map(len, some)), dtype=torch.long)
        there = torch.zeros_like(pieces, dtype=torch.bool)
        for row, part in enumerate(some):
            pieces[row, : len(part)] = torch.from_numpy(part.astype(np.int64))
            there[row, : len(part)] = True
        return pieces, there

    def _drop(self, part: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        if len(part) < 9:
            return part
        kept = draw.random(len(part)) >= self._dropped
        kept[:4] = kept[-1] = True  # start, prefix, end
        return part[kept]

    def epoch(self, size: int, draw: np.random.Generator) -> list[np.ndarray]:
        """Return the rows of each batch of one reading of all sentences."""
        batches = []
        shuffled = draw.permutation(self.learned)
        for many in np.array_split(shuffled, max(1, len(shuffled) // (size * 50))):
            ordered = many[np.argsort([len(self.parts[row]) for row in many], kind="stable")]
            batches += np.array_split(ordered, max(1, len(ordered) // size))
        return [batches[at] for at in draw.permutation(len(batches))]


def descend(
    encoder: Encoder, head: nn.Module, epochs: list[list[np.ndarray]],
    loss: Callable[[np.ndarray], Any], right: Callable[[], float], given: argparse.Namespace,
) -> None:  # fmt: skip
    """Learn layers and head in four bits, at a rate that falls to nothing; tell how it goes.

    `loss` reads the rows of a batch, `right` scores what was left out.
    """
    learned = [each for each in encoder.parameters() if each.requires_grad]
    steps = [
        {"params": learned, "lr": given.rate, "first": given.rate},
        {"params": head.parameters(), "lr": given.head_rate, "first": given.head_rate},
    ]
    descent = torch.optim.AdamW(steps, betas=(0.9, 0.98), weight_decay=0.01)
    rounded = Rounded(list(encoder.matrices()))
    whole, done, began = sum(map(len, epochs)), 0, time.monotonic()
    for number, batches in enumerate(epochs, 1):
        for rows in batches:
            part = min(1.0, (done + 1) / given.warm_up) * (1 - done / whole)
            for group in descent.param_groups:
                group["lr"] = group["first"] * part
            descent.zero_grad()
            with rounded:
                missed = loss(rows)
                missed.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            descent.step()
            done += 1
            if done % 100 == 0:
                spent = time.monotonic() - began
                print(f"{done} of {whole}: loss {missed.item():.2f}, {spent:.0f} s", flush=True)
        encoder.eval()
        head.eval()
        with rounded, torch.no_grad():
            print(f"epoch {number}: {right():.4f} of what was left out", flush=True)
        encoder.train()
        head.train()


def tune(file: Path, sentences: Path, target: Path, given: argparse.Namespace) -> None:
    """Tune the first layers and write them."""
    torch.manual_seed(1)
    draw = np.random.default_rng(1)
    data = Sentences(sentences, dropped=given.dropped_pieces)
    kinds = int(data.types.max()) + 1
    encoder = Encoder(file, given.layers, before(given.on))
    width = encoder.norm.normalized_shape[0]
    head = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(width, width), nn.GELU(),
        nn.Dropout(0.3), nn.Linear(width, kinds + 3),
    )  # fmt: skip
    kind_weight = balance(data.types[data.learned], kinds)
    level_weight = balance(data.levels[data.learned], 3)
    def loss(rows: np.ndarray) -> Any:
        with narrow():
            told = head(encoder(*data.batch(rows, draw), given.dropped)).float()
        return _loss(told, data, rows, kinds, kind_weight, level_weight)

    def right() -> float:
        with narrow():
            return _right(encoder, head, data, kinds)

    epochs = [data.epoch(given.batch, draw) for _ in range(given.epochs)]
    descend(encoder, head, epochs, loss, right, given)
    half = target.with_suffix(".half.npz")
    np.savez_compressed(half, **encoder.changes())
    half.replace(target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def before(file: Path | None) -> dict[str, np.ndarray]:
    """Return the layers that were tuned before, none without a file."""
    if file is None:
        return {}
    with np.load(file, allow_pickle=False) as stored:
        return dict(stored)


def balance(labels: np.ndarray, classes: int) -> Any:
    """Return a weight per class: the root of how rare it is."""
    counts = np.maximum(np.bincount(labels[labels >= 0], minlength=classes), 1)
    return torch.tensor((counts.mean() / counts) ** 0.5, dtype=torch.float32)


def _loss(
    told: Any, data: Sentences, rows: np.ndarray, kinds: int, kind_weight: Any, level_weight: Any
) -> Any:
    def of(scores: Any, labels: Any, weight: Any) -> Any:
        each = F.cross_entropy(scores, labels, label_smoothing=_SMOOTHING, reduction="none")
        return (each * weight[labels]).mean()

    types, levels = torch.tensor(data.types[rows]), torch.tensor(data.levels[rows])
    loss = of(told[:, :kinds], types, kind_weight)
    known = levels >= 0
    if known.any():
        loss = loss + _URGENCY_SHARE * of(told[known][:, kinds:], levels[known], level_weight)
    return loss


def _right(encoder: Any, head: Any, data: Sentences, kinds: int) -> float:
    rows, right = data.left_out, 0
    for some in np.array_split(rows[np.argsort([len(data.parts[row]) for row in rows])], 60):
        told = head(encoder(*data.batch(some), 0.0))[:, :kinds]
        right += int((told.argmax(1).numpy() == data.types[some]).sum())
    return right / len(rows)


def main() -> None:
    """Read the arguments and tune."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where encoder_sentences wrote")
    parser.add_argument("target", type=Path, help="layers.npz")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--head-rate", type=float, default=2e-3)
    parser.add_argument("--dropped", type=float, default=0.1)
    parser.add_argument("--dropped-pieces", type=float, default=0.1)
    parser.add_argument("--warm-up", type=int, default=200, help="steps")
    parser.add_argument("--on", type=Path, help="layers that were tuned before, to go on from")
    given = parser.parse_args()
    tune(given.folder / "shipped.bin", given.folder / "sentences.npz", given.target, given)


if __name__ == "__main__":
    main()
