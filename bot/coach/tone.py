"""The tone table, 语气表: fitted to the lines of the second opinion, kept with the rules.

A regression over runs of characters, as plain as can be: in the delivery path it takes one
automaton and a sum. What it is for: `bot.handbook.language.tone`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from bot.coach.tone_lines import FINE, Line, read_lines
from bot.handbook.language.checker import TABLES
from bot.handbook.language.text import normalise
from bot.handbook.language.tone import FILE, Tone, grams, rarity, write_tone
from bot.nlu.linear import Features, Penalty, balance, fit

LEAST_SEEN = 3
# So many rounds that two processors fit the same table: at 30 they were up to 0.05 apart.
_PENALTY = Penalty(sparse=3e-5, dense=3e-5, rounds=120)


def made_of(lines: Sequence[Line]) -> str:
    """Return a fingerprint of the lines that a table is fitted to."""
    told = (f"{line.family}\t{line.text}\n" for line in lines)
    return hashlib.sha256("".join(told).encode()).hexdigest()[:12]


def fit_tone(lines: Sequence[Line]) -> tuple[list[tuple[str, int, float]], float]:
    """Return run, in how many texts it stood and weight of every run worth keeping, and the bias."""
    labels = np.array([int(line.family != FINE) for line in lines])
    found = [grams(normalise(line.text)) for line in lines]
    seen = Counter(run for runs in found for run in runs)
    kept = sorted(run for run, count in seen.items() if count >= LEAST_SEEN)
    index = {run: at for at, run in enumerate(kept)}
    rare = np.array([rarity(seen[run], len(lines)) for run in kept], np.float32)
    columns, values, starts = [], [], [0]
    for runs in found:
        known = sorted((index[run], count) for run, count in runs.items() if run in index)
        own = np.array([at for at, _ in known], np.int32)
        times = np.array([count for _, count in known], np.float32)
        columns.append(own)
        length = math.sqrt(float(times @ (rare[own] * rare[own])))
        values.append(times * rare[own] / max(length, 1e-9))
        starts.append(starts[-1] + len(own))
    matrix = csr_matrix(
        (np.concatenate(values), np.concatenate(columns), starts), shape=(len(lines), len(kept))
    )
    features = Features(matrix, np.zeros((len(lines), 0), np.float32))
    weight = balance(labels, 2, 0.5) * np.array([line.counts for line in lines])
    weights = fit(features, labels, 2, weight=weight, penalty=_PENALTY)
    speaks = weights.sparse_part[:, 1] - weights.sparse_part[:, 0]
    runs = [(run, seen[run], float(speaks[at])) for run, at in index.items()]
    return runs, float(weights.bias[1] - weights.bias[0])


def tone_of(lines: Sequence[Line]) -> Tone:
    """Fit a table in memory, to be tried before it is written."""
    runs, bias = fit_tone(lines)
    told = {run: (rarity(seen, len(lines)), weight) for run, seen, weight in runs}
    return Tone.of(told, bias)


def renew(tables: Path = TABLES) -> int:
    """Fit the table of a directory anew and return how many runs it holds."""
    lines = read_lines(tables=tables)
    runs, bias = fit_tone(lines)
    write_tone(tables / FILE, runs, bias=bias, texts=len(lines), made_of=made_of(lines))
    return len(runs)
