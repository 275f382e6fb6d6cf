"""Scores 评分: what a set of predictions is worth, with intervals; pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.coach.examples import Example
from bot.nlu.reader import Reading
from bot.nlu.urgency_model import COST, LEVELS

THRESHOLDS = (0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    if not total:
        return (0.0, 1.0)
    z, p = 1.96, hits / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return (round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4))


def share(hits: int, total: int) -> dict[str, Any]:
    """Return a share with its interval and its base."""
    value = round(hits / total, 4) if total else None
    return {"value": value, "interval": wilson(hits, total), "n": total}


@dataclass(frozen=True)
class Judged:
    """One example beside what the model said of it."""

    example: Example
    reading: Reading

    @property
    def is_right(self) -> bool:
        """Tell whether the type is right; an unsure row accepts its other types too."""
        said = self.reading.type
        return said == self.example.type or (not self.example.sure and said in self.example.also)


def per_class(truth: Sequence[str], said: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return precision, recall and F1 of every label, shares with their intervals."""
    table = {}
    for label in sorted(set(truth) | set(said)):
        hits = sum(t == s == label for t, s in zip(truth, said, strict=True))
        meant, named = list(truth).count(label), list(said).count(label)
        table[label] = {
            "precision": share(hits, named),
            "recall": share(hits, meant),
            "f1": round(2 * hits / (meant + named), 4) if meant + named else 0.0,
        }
    return table


def macro_f1(table: dict[str, dict[str, Any]]) -> float:
    """Return the mean F1 over labels that occur in the truth."""
    present = [row["f1"] for row in table.values() if row["recall"]["n"]]
    return round(sum(present) / len(present), 4) if present else 0.0


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> dict[str, Any]:
    """Return the expected calibration error and its bins."""
    rows, error = [], 0.0
    for low in np.arange(bins) / bins:
        inside = (confidence > low) & (confidence <= low + 1 / bins)
        if inside.any():
            mean, accuracy = float(confidence[inside].mean()), float(right[inside].mean())
            error += abs(mean - accuracy) * inside.mean()
            rows.append({"confidence": mean, "accuracy": accuracy, "n": int(inside.sum())})
    return {"ece": round(float(error), 4), "bins": rows}


def coverage(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Return, at each threshold, the share answered and the share right among those."""
    rows = []
    for threshold in THRESHOLDS:
        kept = confidence >= threshold
        accuracy = float(right[kept].mean()) if kept.any() else 1.0
        rows.append(
            {"threshold": threshold, "coverage": float(kept.mean()), "accuracy": accuracy}
        )
    return rows


def type_scores(rows: Sequence[Judged]) -> dict[str, Any]:
    """Score the types."""
    right = np.array([row.is_right for row in rows])
    confidence = np.array([row.reading.type_confidence for row in rows])
    top2 = sum(
        bool({name for name, _ in row.reading.types[:2]} & _accepted(row.example)) for row in rows
    )
    truth = [row.reading.type if row.is_right else row.example.type for row in rows]
    table = per_class(truth, [row.reading.type for row in rows])
    sure = np.array([row.example.sure for row in rows])
    sources = sorted({row.example.source for row in rows if row.example.source})
    return {
        "accuracy": share(int(right.sum()), len(rows)),
        "sure": share(int(right[sure].sum()), int(sure.sum())),
        "unsure": share(int(right[~sure].sum()), int((~sure).sum())),
        "top2": share(top2, len(rows)),
        "macro_f1": macro_f1(table),
        "per_class": table,
        "by_source": {
            name: share(
                sum(row.is_right for row in rows if row.example.source == name),
                sum(row.example.source == name for row in rows),
            )
            for name in sources
        },
        "calibration": calibration(confidence, right),
        "coverage": coverage(confidence, right),
    }


def _accepted(example: Example) -> set[str]:
    return {example.type} | (set() if example.sure else set(example.also))


def urgency_scores(rows: Sequence[Judged]) -> dict[str, Any] | None:
    """Score the urgencies of the rows that carry one; None when no row does."""
    marked = [row for row in rows if row.example.urgency in LEVELS]
    if not marked:
        return None
    truth = [str(row.example.urgency) for row in marked]
    said = [row.reading.urgency for row in marked]
    table = per_class(truth, said)
    cost = [COST[LEVELS.index(t), LEVELS.index(s)] for t, s in zip(truth, said, strict=True)]
    calm = [s for t, s in zip(truth, said, strict=True) if t != "urgent"]
    right = np.array([t == s for t, s in zip(truth, said, strict=True)])
    return {
        "accuracy": share(int(right.sum()), len(marked)),
        "macro_f1": macro_f1(table),
        "per_class": table,
        "mean_cost": round(float(np.mean(cost)), 4),
        "urgent_recall": table.get("urgent", {}).get("recall"),
        "urgent_precision": table.get("urgent", {}).get("precision"),
        "false_urgent": share(calm.count("urgent"), len(calm)),
        "confusion": [
            [sum(t == a and s == b for t, s in zip(truth, said, strict=True)) for b in LEVELS]
            for a in LEVELS
        ],
    }


def worst(rows: Sequence[Judged], count: int = 30) -> list[dict[str, Any]]:
    """Return the most confident mistakes of type."""
    wrong = sorted(
        (row for row in rows if not row.is_right), key=lambda row: -row.reading.type_confidence
    )
    return [
        {
            "text": row.example.text,
            "type": row.example.type,
            "said": row.reading.type,
            "confidence": round(row.reading.type_confidence, 3),
        }
        for row in wrong[:count]
    ]
