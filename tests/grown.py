"""Types that trainers added: the tables may grow, and guards of the founding types must not mind."""

from __future__ import annotations

from ruamel.yaml import YAML

from bot.settings import ROOT

DEFINITIONS = ROOT / "data" / "handbook" / "definitions.yml"


def grown_types() -> frozenset[str]:
    """Return the types that the wizard wrote."""
    rows = YAML(typ="safe").load(DEFINITIONS.read_text("utf-8"))["types"]
    return frozenset(row["id"] for row in rows if row.get("added"))
