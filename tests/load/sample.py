"""A fixed sample of the training data, so that both sides of a benchmark learn the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


def sentences(most: int, *, least: int = 5) -> dict[str, list[dict[str, object]]]:
    """Return about `most` training examples by type: those with the smallest hashes."""
    yaml = YAML(typ="safe")
    found: dict[str, list[dict[str, object]]] = {}
    for path in sorted((ROOT / "data/nlu").glob("*.yml")):
        for block in yaml.load(path.read_text("utf-8"))["nlu"]:
            found.setdefault(block["intent"], []).extend(block["examples"])
    total = sum(map(len, found.values()))
    for name, examples in found.items():
        examples.sort(key=lambda e: hashlib.sha256(str(e["text"]).encode()).hexdigest())
        found[name] = examples[: max(least, round(len(examples) * most / total))]
    return found


def write_sample(folder: Path, most: int) -> int:
    """Write the sample as Rasa training data; return how many sentences it has."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    count = 0
    for name, examples in sentences(most).items():
        rows = [{"text": e["text"], "metadata": e.get("metadata", {})} for e in examples]
        count += len(rows)
        with (folder / f"{name}.yml").open("w", encoding="utf-8") as file:
            yaml.dump({"version": "3.1", "nlu": [{"intent": name, "examples": rows}]}, file)
    return count
