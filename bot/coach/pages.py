"""The evaluation page 评测报告: confusion, reliability and coverage drawn, mistakes listed."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager

from bot.coach.scores import Judged

mpl.use("Agg")
from matplotlib import pyplot as plt

_CJK = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei",
        "WenQuanYi Zen Hei", "SimHei", "Microsoft YaHei", "PingFang SC")  # fmt: skip


def chinese_font() -> str | None:
    """Return an installed font that has Chinese characters, if there is one."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CJK if name in installed), None)


def write_page(
    out: Path,
    name: str,
    rows: Sequence[Judged],
    scores: dict[str, Any],
    titles: dict[str, str],
) -> None:
    """Write `report.html` with its plots into the folder."""
    font = chinese_font()
    shown = titles if font else {}
    with mpl.rc_context({"font.family": [font] if font else ["sans-serif"], "svg.fonttype": "path"}):
        _confusion(out / "confusion.png", rows, shown)
        _reliability(out / "reliability.png", scores["type"]["calibration"], bool(font))
        _coverage(out / "coverage.png", scores["type"]["coverage"], bool(font))
    (out / "report.html").write_text(_page(name, scores, titles), encoding="utf-8")


def _confusion(path: Path, rows: Sequence[Judged], titles: dict[str, str]) -> None:
    labels = sorted({r.example.type for r in rows} | {r.reading.type for r in rows})
    place = {label: i for i, label in enumerate(labels)}
    grid = np.zeros((len(labels), len(labels)), int)
    for row in rows:
        truth = row.reading.type if row.is_right else row.example.type
        grid[place[truth], place[row.reading.type]] += 1
    ratio = grid / np.maximum(grid.sum(axis=1, keepdims=True), 1)
    side = max(6.0, 0.34 * len(labels))
    figure, axes = plt.subplots(figsize=(side, side))
    axes.imshow(ratio, cmap="Blues", vmin=0, vmax=1)
    names = [titles.get(label, label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), names, fontsize=8)
    for i, j in zip(*np.nonzero(grid), strict=True):
        colour = "white" if ratio[i, j] > 0.5 else "black"
        axes.text(j, i, int(grid[i, j]), ha="center", va="center", fontsize=6, color=colour)
    axes.set_xlabel("判为" if titles else "said")
    axes.set_ylabel("应为" if titles else "truth")
    _save(figure, path)


def _reliability(path: Path, calibration: dict[str, Any], chinese: bool) -> None:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    bins = calibration["bins"]
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], marker="o")
    for b in bins:
        axes.annotate(str(b["n"]), (b["confidence"], b["accuracy"]), fontsize=7)
    axes.set_xlabel("置信度" if chinese else "confidence")
    axes.set_ylabel("准确率" if chinese else "accuracy")
    axes.set_title(f"ECE {calibration['ece']:.3f}")
    _save(figure, path)


def _coverage(path: Path, rows: list[dict[str, float]], chinese: bool) -> None:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([r["coverage"] for r in rows], [r["accuracy"] for r in rows], marker="o")
    for r in rows:
        axes.annotate(f"{r['threshold']:.2f}", (r["coverage"], r["accuracy"]), fontsize=7)
    axes.set_xlabel("覆盖率" if chinese else "coverage")
    axes.set_ylabel("准确率" if chinese else "accuracy")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _page(name: str, scores: dict[str, Any], titles: dict[str, str]) -> str:
    types = scores["type"]
    classes = "".join(
        f"<tr><td>{html.escape(titles.get(label, label))}<td>{label}"
        f"<td>{_share(row['precision'])}<td>{_share(row['recall'])}<td>{row['f1']:.3f}"
        f"<td>{row['recall']['n']}</tr>"
        for label, row in types["per_class"].items()
    )
    mistakes = "".join(
        f"<tr><td>{html.escape(row['text'])}<td>{titles.get(row['type'], row['type'])}"
        f"<td>{titles.get(row['said'], row['said'])}<td>{row['confidence']:.2f}</tr>"
        for row in scores["confident_mistakes"]
    )
    urgency = html.escape(json.dumps(scores["urgency"], ensure_ascii=False, indent=1))
    return f"""<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>评测 {html.escape(name)}</title>
<style>body{{font:15px/1.6 sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{padding:.15rem .6rem;border-bottom:1px solid #ddd;text-align:left}}
img{{max-width:100%}}pre{{background:#f6f6f6;padding:1rem;overflow:auto}}</style>
<h1>评测 {html.escape(name)}</h1>
<p>样本 {scores["rows"]}，准确率 {_share(types["accuracy"])}，宏平均 F1 {types["macro_f1"]:.3f}，
前二命中 {_share(types["top2"])}，ECE {types["calibration"]["ece"]:.3f}</p>
<p>确定样本 {_share(types["sure"])}，不确定样本 {_share(types["unsure"])}</p>
<h2>混淆</h2><img src="confusion.png" alt="混淆矩阵">
<h2>置信度与覆盖</h2><img src="reliability.png" alt="可靠性"><img src="coverage.png" alt="覆盖与准确">
<h2>各类型</h2><table><tr><th>类型<th>名称<th>精确率<th>召回率<th>F1<th>样本</tr>{classes}</table>
<h2>紧急程度</h2><pre>{urgency}</pre>
<h2>最自信的错误</h2><table><tr><th>原文<th>应为<th>判为<th>置信度</tr>{mistakes}</table></html>
"""


def _share(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "–"
    low, high = row["interval"]
    return f"{row['value']:.3f} ({low:.3f}–{high:.3f})"
