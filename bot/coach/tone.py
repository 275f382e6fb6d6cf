"""The tone table, 语气表: fitted to the sentences of the second opinion, kept with the rules.

A regression over runs of characters, as plain as can be: in the delivery path it takes one
automaton and a sum. What it is for: `bot.handbook.language.tone`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from bot.coach.opinion import FINE, read_sentences
from bot.handbook.language.checker import TABLES
from bot.handbook.language.text import normalise
from bot.handbook.language.tone import FILE, Tone, grams, rarity, write_tone
from bot.nlu.linear import Features, Penalty, balance, fit

LEAST_SEEN = 3
# So many rounds that two processors fit the same table: at 30 they were up to 0.05 apart.
_PENALTY = Penalty(sparse=3e-5, dense=3e-5, rounds=120)


def made_of(texts: list[str], families: list[str]) -> str:
    """Return a fingerprint of the sentences that a table is fitted to."""
    lines = (f"{family}\t{text}\n" for text, family in zip(texts, families, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def fit_tone(texts: list[str], families: list[str]) -> tuple[list[tuple[str, int, float]], float]:
    """Return run, in how many texts it stood and weight of every run worth keeping, and the bias."""
    labels = np.array([int(name != FINE) for name in families])
    found = [grams(normalise(text)) for text in texts]
    seen = Counter(run for runs in found for run in runs)
    kept = sorted(run for run, count in seen.items() if count >= LEAST_SEEN)
    index = {run: at for at, run in enumerate(kept)}
    rare = np.array([rarity(seen[run], len(texts)) for run in kept], np.float32)
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
        (np.concatenate(values), np.concatenate(columns), starts), shape=(len(texts), len(kept))
    )
    features = Features(matrix, np.zeros((len(texts), 0), np.float32))
    weight = balance(labels, 2, 0.5)
    weights = fit(features, labels, 2, weight=weight, penalty=_PENALTY)
    speaks = weights.sparse_part[:, 1] - weights.sparse_part[:, 0]
    runs = [(run, seen[run], float(speaks[at])) for run, at in index.items()]
    return runs, float(weights.bias[1] - weights.bias[0])


def tone_of(texts: list[str], families: list[str]) -> Tone:
    """Fit a table in memory, to be tried before it is written."""
    runs, bias = fit_tone(texts, families)
    told = {run: (rarity(seen, len(texts)), weight) for run, seen, weight in runs}
    return Tone.of(told, bias)


def renew(tables: Path = TABLES) -> int:
    """Fit the table of a directory anew and return how many runs it holds."""
    texts, families = read_sentences(tables=tables)
    runs, bias = fit_tone(texts, families)
    write_tone(tables / FILE, runs, bias=bias, texts=len(texts), made_of=made_of(texts, families))
    return len(runs)
