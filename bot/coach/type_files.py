"""Places of a type 类型所在文件: what hangs on a request type, file by file, changed in a plan."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from bot.coach.workspace import Changes, dump_yaml, flow, load_yaml, quoted

REQUESTS = "data/handbook/requests.yml"
KNOWLEDGE = "data/handbook/knowledge.yml"
DEFINITIONS = "data/handbook/definitions.yml"
DOMAIN = "domain.yml"
RULES = "data/rules/rules.yml"
SCRIPTS = "tests/conversations/customers.yml"
LEXICON = "data/lexicon/telecom.txt"
CHECKER = "bot/handbook/language/"
INTAKE_RULE = "a request starts the intake"


def edit(changes: Changes, path: str, change: Callable[[Any], None], *, start: str = "") -> None:
    """Change one YAML file in the plan."""
    text = changes.text(path)
    document = load_yaml(text if text is not None else start)
    change(document)
    changes.put(path, dump_yaml(document))


def add_row(changes: Changes, values: Mapping[str, Any]) -> None:
    """Put a type into the table, behind the last request, and raise the table's version."""

    def change(table: Any) -> None:
        rows = table["types"]
        last = max(i for i, row in enumerate(rows) if row["kind"] not in {"ticket", "talk"})
        row = flow(values)
        row["needs"] = _flow_list(values["needs"])
        rows.insert(last + 1, row)
        table["version"] = int(table["version"]) + 1

    edit(changes, REQUESTS, change)


def _flow_list(items: Iterable[str]) -> CommentedSeq:
    found = CommentedSeq(items)
    found.fa.set_flow_style()
    return found


def mark_retired(changes: Changes, name: str, into: str) -> None:
    """Keep a type for the names of old tickets only."""

    def change(table: Any) -> None:
        row = next(row for row in table["types"] if row["id"] == name)
        row["retired"] = into
        table["version"] = int(table["version"]) + 1

    edit(changes, REQUESTS, change)


def add_intent(changes: Changes, name: str, *, after: str) -> None:
    """Name the intent in the domain and in the rule that starts an intake."""
    edit(changes, DOMAIN, lambda d: d["intents"].insert(list(d["intents"]).index(after) + 1, name))

    def change(document: Any) -> None:
        choices = _intake_choices(document)
        choices.append(CommentedMap({"intent": name}))

    edit(changes, RULES, change)


def drop_intent(changes: Changes, name: str) -> None:
    """Take the intent out of the domain and of every rule's choices."""
    edit(changes, DOMAIN, lambda d: d["intents"].remove(name))

    def change(document: Any) -> None:
        for rule in document["rules"]:
            for step in rule["steps"]:
                for place in reversed(range(len(step.get("or", [])))):
                    if step["or"][place].get("intent") == name:
                        del step["or"][place]

    edit(changes, RULES, change)


def _intake_choices(document: Any) -> Any:
    rule = next(rule for rule in document["rules"] if rule["rule"] == INTAKE_RULE)
    return next(step["or"] for step in rule["steps"] if "or" in step)


def add_knowledge(changes: Changes, entry: Mapping[str, Any]) -> None:
    """Append an answer to the knowledge table."""

    def change(table: Any) -> None:
        row = CommentedMap(entry)
        row["asks"] = _flow_list(entry["asks"])
        row["fill_in"] = _flow_list(entry.get("fill_in", []))
        table["entries"].append(row)
        table["version"] = int(table["version"]) + 1

    edit(changes, KNOWLEDGE, change)


def add_definition(changes: Changes, name: str, means: str, isnt: Mapping[str, str]) -> None:
    """Keep what the type is, and what it is not."""

    def change(table: Any) -> None:
        table["types"].append(
            CommentedMap(
                {"id": name, "means": quoted(means), "not": CommentedMap(isnt), "added": True}
            )
        )

    edit(changes, DEFINITIONS, change)


def add_words(changes: Changes, words: Iterable[str]) -> None:
    """Append words to the segmenter's lexicon, each once."""
    text = changes.text(LEXICON) or ""
    known = {line.split()[0] for line in text.splitlines() if line.strip()}
    fresh = [word for word in dict.fromkeys(words) if word not in known]
    if fresh:
        changes.put(LEXICON, text.rstrip("\n") + "\n" + "".join(f"{w} 5000 n\n" for w in fresh))


def add_script(changes: Changes, script: Mapping[str, Any]) -> None:
    """Append a conversation test."""
    text = (changes.text(SCRIPTS) or "[]\n").rstrip("\n")
    lines = [f"- name: {script['name']}", "  turns:"]
    for turn in script["turns"]:
        parts = [f"say: {json.dumps(turn['say'], ensure_ascii=False)}"]
        if turn.get("has"):
            parts.append(f"has: {json.dumps(turn['has'], ensure_ascii=False)}")
        lines.append(f"  - {{{', '.join(parts)}}}")
    if script.get("ticket"):
        lines.append("  ticket: {" + ", ".join(f"{k}: {v}" for k, v in script["ticket"].items()) + "}")
    else:
        lines.append("  no_ticket: true")
    changes.put(SCRIPTS, f"{text}\n\n" + "\n".join(lines) + "\n")


def training_files(changes: Changes) -> list[str]:
    """Return every file of labelled sentences in Rasa's form, training and tests."""
    found = {p.relative_to(changes.root).as_posix() for p in changes.root.glob("data/nlu/*.yml")}
    found |= {p.relative_to(changes.root).as_posix() for p in changes.root.glob("tests/nlu/*.yml")}
    return sorted(found | {p for p in changes.new if re.match(r"(data|tests)/nlu/.*\.yml$", p)})


def take_examples(
    changes: Changes, path: str, name: str, *, wanted: Callable[[Any], bool] = lambda row: True
) -> list[CommentedMap]:
    """Take the sentences of a type out of a file: all, or those that are wanted."""
    taken: list[CommentedMap] = []
    left = 0

    def change(document: Any) -> None:
        nonlocal left
        for place in reversed(range(len(document["nlu"]))):
            block = document["nlu"][place]
            if block["intent"] != name:
                continue
            rows = [row for row in block["examples"] if wanted(row)]
            taken.extend(rows)
            if len(rows) == len(block["examples"]):
                del document["nlu"][place]
                continue
            for at in reversed(range(len(block["examples"]))):
                if block["examples"][at] in rows:
                    del block["examples"][at]
        left = len(document["nlu"])

    edit(changes, path, change)
    if path.startswith("data/nlu/") and not left:
        changes.put(path, None)
    return taken


def give_examples(changes: Changes, path: str, name: str, rows: Iterable[CommentedMap]) -> None:
    """Add sentences to a type's block of a file; the file is made when there is none."""
    given = list(rows)
    if not given:
        return

    def change(document: Any) -> None:
        block = next((b for b in document["nlu"] if b["intent"] == name), None)
        if block is None:
            block = CommentedMap({"intent": name, "examples": []})
            document["nlu"].append(block)
        block["examples"].extend(given)

    edit(changes, path, change, start='version: "3.1"\nnlu: []\n')
    if changes.old.get(path) is None:
        # An empty list is written in one line; the entries go below it.
        text = changes.text(path) or ""
        document = load_yaml(text)
        document["nlu"].fa.set_block_style()
        changes.put(path, dump_yaml(document))


def relabel_lines(changes: Changes, old: str, new: str | None) -> None:
    """Rename a type in evaluation sets of JSON lines; without a new name its rows go."""
    for file in sorted(changes.root.glob("tests/nlu/*.jsonl")):
        path = file.relative_to(changes.root).as_posix()
        lines = []
        for line in (changes.text(path) or "").splitlines():
            row = json.loads(line)
            if row.get("type") == old:
                if new is None:
                    continue
                line = json.dumps({**row, "type": new}, ensure_ascii=False)
            lines.append(line)
        changes.put(path, "\n".join(lines) + "\n")


def named_in_code(root: Path, name: str) -> list[str]:
    """Return the program files that decide by the type: those a programmer has to change."""
    found = []
    for folder in ("bot", "actions"):
        for file in sorted((root / folder).rglob("*.py")):
            path = file.relative_to(root).as_posix()
            # The language checker takes a type that it has no context for as general.
            if not path.startswith(CHECKER) and f'"{name}"' in file.read_text(encoding="utf-8"):
                found.append(path)
    return found
