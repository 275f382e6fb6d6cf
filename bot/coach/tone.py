"""The tone tables, 语气表: fitted to the lines of the second opinion, kept with the rules.

One tells bad lines from fine ones, the other, of bad ones, what is held back from what is warned
of. A regression over runs of characters, as plain as can be: in the delivery path it takes a
look-up per character and a sum. A run counts by how rare it is and by how unevenly bad and fine
share it (Wang and Manning 2012, "Baselines and Bigrams"). What it is for:
`bot.handbook.language.tone`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from bot.coach.tone_lines import FINE, Line, read_lines
from bot.handbook.errors import TableError
from bot.handbook.language.checker import TABLES
from bot.handbook.language.text import normalise
from bot.handbook.language.tone import FILE, GRAVE, Tone, grams, write_tone
from bot.nlu.linear import Features, Penalty, balance, fit

LEAST_SEEN = 3
_EVEN = 0.3  # what a run counts that tells nothing by itself
# So many rounds that two processors fit the same table: at 30 they were up to 0.05 apart.
_PENALTY = Penalty(sparse=5e-6, dense=5e-6, rounds=120)


def made_of(lines: Sequence[Line]) -> str:
    """Return a fingerprint of the lines that a table is fitted to."""
    told = (f"{line.family}\t{line.counts:g}\t{line.text}\n" for line in lines)
    return hashlib.sha256("".join(told).encode()).hexdigest()[:12]


def fit_tone(
    lines: Sequence[Line], labels: np.ndarray
) -> tuple[list[tuple[str, float, float]], float]:
    """Return run, how much it tells and weight of every run worth keeping, and the bias."""
    found = [grams(normalise(line.text)) for line in lines]
    seen = Counter(run for runs in found for run in runs)
    kept = sorted(run for run, count in seen.items() if count >= LEAST_SEEN)
    index = {run: at for at, run in enumerate(kept)}
    rare = np.array([math.log((1 + len(lines)) / (1 + seen[run])) + 1 for run in kept], np.float32)
    uneven = _unevenness(found, labels, index)
    tells = np.round(rare * (_EVEN + uneven), 2).astype(np.float32)
    columns, values, starts = [], [], [0]
    for runs in found:
        known = sorted((index[run], count) for run, count in runs.items() if run in index)
        own = np.array([at for at, _ in known], np.int32)
        times = np.array([count for _, count in known], np.float32)
        columns.append(own)
        length = math.sqrt(float(times @ (tells[own] * tells[own])))
        values.append(times * tells[own] / max(length, 1e-9))
        starts.append(starts[-1] + len(own))
    matrix = csr_matrix(
        (np.concatenate(values), np.concatenate(columns), starts), shape=(len(lines), len(kept))
    )
    features = Features(matrix, np.zeros((len(lines), 0), np.float32))
    weight = balance(labels, 2, 0.5) * np.array([line.counts for line in lines])
    weights = fit(features, labels, 2, weight=weight, penalty=_PENALTY)
    speaks = weights.sparse_part[:, 1] - weights.sparse_part[:, 0]
    runs = [(run, float(tells[at]), float(speaks[at])) for run, at in index.items()]
    return runs, float(weights.bias[1] - weights.bias[0])


def _unevenness(
    found: Sequence[Counter[str]], labels: np.ndarray, index: Mapping[str, int]
) -> np.ndarray:
    """Return how far, as a logarithm, the shares of each run among both labels are apart."""
    stood = np.ones((2, len(index)))  # once more than seen, so that no share is nothing
    for runs, label in zip(found, labels, strict=True):
        stood[label, [index[run] for run in runs if run in index]] += 1
    shares = np.log(stood / stood.sum(axis=1, keepdims=True))
    return np.abs(shares[1] - shares[0])


def _bad(lines: Sequence[Line]) -> np.ndarray:
    return np.array([int(line.family != FINE) for line in lines])


def _grave(lines: Sequence[Line]) -> tuple[list[Line], np.ndarray]:
    known = [line for line in lines if line.grave is not None]
    return known, np.array([int(bool(line.grave)) for line in known])


def tone_of(lines: Sequence[Line]) -> Tone:
    """Fit both tables in memory, to be tried before they are written."""
    known, grave = _grave(lines)
    tone = _in_memory(lines, _bad(lines))
    return replace(tone, gravity=_in_memory(known, grave)) if len(set(grave)) > 1 else tone


def _in_memory(lines: Sequence[Line], labels: np.ndarray) -> Tone:
    runs, bias = fit_tone(lines, labels)
    told = {run: (tells, weight) for run, tells, weight in runs}
    return Tone.of(told, bias)


def renew(tables: Path = TABLES) -> tuple[int, int]:
    """Fit the tables of a directory anew and return how many runs each holds.

    Those that are there are not needed, and may be broken or of an older form.
    """
    try:
        lines = read_lines(tables=tables)
    except TableError as error:
        if error.key not in {FILE, GRAVE}:
            raise
        for name in {FILE, GRAVE} & {each.name for each in tables.iterdir()}:
            (tables / name).rename(tables / f"{name}.broken")
        lines = read_lines(tables=tables)
    known, grave = _grave(lines)
    counts = []
    for file, those, labels in ((FILE, lines, _bad(lines)), (GRAVE, known, grave)):
        runs, bias = fit_tone(those, labels)
        write_tone(tables / file, runs, bias=bias, made_of=made_of(lines))
        counts.append(len(runs))
        (tables / f"{file}.broken").unlink(missing_ok=True)
    return counts[0], counts[1]
