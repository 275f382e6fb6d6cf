"""Chapter 8.3: the table of training (评审标准表) read strictly."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from bot.handbook.tables import TABLES, Row, read_table, unique
from bot.handbook.training import Band, Limit, Training

MEASURES = (
    "urgent_recall", "urgent_loss", "false_urgent", "accuracy_loss", "type_loss", "new_type_recall",
    "calibration", "conversations_broken", "latency_ms", "size_mb",
)
SIGNALS = ("clarified", "handed_over", "out_of_scope", "engine_down")


@lru_cache(maxsize=4)
def load_training(directory: Path | None = None) -> Training:
    """Read `gate.yml`; raise `TableError` where it cannot be used."""
    table, _ = read_table((directory or TABLES) / "gate.yml")
    limits = tuple(_limit(row) for row in unique(table.rows("limits")))
    bands = tuple(_band(row) for row in unique(table.rows("bands")))
    switching, inbox, new = (_part(table, name) for name in ("switching", "inbox", "new_type"))
    training = Training(
        limits=limits,
        bands=bands,
        rest=timedelta(minutes=switching.number("rest_minutes")),
        drain=timedelta(minutes=switching.number("drain_minutes")),
        watch=timedelta(hours=switching.number("watch_hours")),
        near=inbox.number("near", least=0.3),
        sample_share=inbox.number("sample_share"),
        test_share=inbox.number("test_share"),
        least_sentences=new.whole("least_sentences", least=1),
        registers=new.whole("registers", least=1),
        urgencies=new.whole("urgencies", least=1),
        overlap=new.number("overlap", least=0.3),
    )
    for part in (switching, inbox, new, table):
        part.end()
    return training


def _part(table: Row, name: str) -> Row:
    return Row(table.file, table.take(name, dict, "a mapping"), table.line_of(name))


def _limit(row: Row) -> Limit:
    limit = Limit(
        id=row.text("id"),
        title=row.text("title"),
        measure=row.one_of("measure", MEASURES),
        basis=row.text("basis"),
        least=row.number("least", None),
        least_lower=row.number("least_lower", None),
        most=row.number("most", None),
        least_sentences=row.whole("least_sentences", 1, least=1),
        way_out=row.text("way_out", ""),
    )
    if limit.least is None and limit.most is None and limit.least_lower is None:
        raise row.fail("least", "at least one of least, least_lower, most")
    row.end()
    return limit


def _band(row: Row) -> Band:
    band = Band(
        row.one_of("id", SIGNALS), row.text("title"), row.number("rise"),
        row.whole("least_turns", least=1),
    )
    row.end()
    return band
