"""`intake coach rename-intent`, `merge-intent`, `retire-intent` 类型变更: a type with all that hangs on it.

The old name stays in the table as retired, so that old tickets keep the name of their type.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bot.coach import type_files as places
from bot.coach.new_intent import ID, WRONG_ID, check_tables
from bot.coach.workspace import Changes, save
from bot.handbook.errors import DeskError
from bot.handbook.tables import Handbook, load_handbook
from bot.settings import ROOT


def plan_rename(handbook: Handbook, old: str, new: str, title: str, root: Path = ROOT) -> Changes:
    """Plan a new name for a type; the old one is retired into it."""
    row = _changeable(handbook, old, root)
    if not ID.fullmatch(new):
        raise DeskError("bad_request", f"“{new}”：{WRONG_ID}")
    if new in handbook.types:
        raise DeskError("name_taken", f"“{new}”已经存在，合并请用 merge-intent")
    changes = Changes(root)
    needs = ["|".join(group) for group in row.needs]
    places.add_row(
        changes,
        {"id": new, "kind": row.kind.value, "title": title or row.title, "team": row.team, "needs": needs},
    )
    places.add_intent(changes, new, after=old)
    _rename_definition(changes, old, new)
    _hand_on(changes, old, new)
    places.mark_retired(changes, old, new)
    check_tables(changes)
    return changes


def plan_merge(handbook: Handbook, old: str, into: str, root: Path = ROOT) -> Changes:
    """Plan that a type becomes part of another."""
    _changeable(handbook, old, root)
    target = handbook.types_in_use().get(into)
    if target is None or not target.kind.is_request or into == old:
        raise DeskError("bad_request", f"不能并入“{into}”：需要一个在用的诉求类型")
    changes = Changes(root)
    _hand_on(changes, old, into)
    places.mark_retired(changes, old, into)
    check_tables(changes)
    return changes


def plan_retire(handbook: Handbook, old: str, root: Path = ROOT) -> Changes:
    """Plan that a type ends: its sentences leave the data, old tickets keep its name."""
    _changeable(handbook, old, root)
    changes = Changes(root)
    _hand_on(changes, old, None)
    places.mark_retired(changes, old, "none")
    check_tables(changes)
    return changes


def _changeable(handbook: Handbook, name: str, root: Path) -> Any:
    row = handbook.types_in_use().get(name)
    if row is None or not row.kind.is_request:
        raise DeskError("not_found", f"“{name}”不是在用的诉求类型")
    if named := places.named_in_code(root, name):
        raise DeskError(
            "named_in_code", f"“{name}”写在程序里，需要程序员一起改：{'、'.join(named)}", files=named
        )
    return row


def _hand_on(changes: Changes, old: str, new: str | None) -> None:
    """Give sentences, tests, answers and definitions to another type, or drop them."""
    places.drop_intent(changes, old)
    for path in places.training_files(changes):
        if f"- intent: {old}\n" not in (changes.text(path) or ""):
            continue
        rows = places.take_examples(changes, path, old)
        if new is not None:
            target = f"data/nlu/{new}.yml" if path == f"data/nlu/{old}.yml" else path
            places.give_examples(changes, target, new, rows)
    places.relabel_lines(changes, old, new)
    _knowledge(changes, old, new)
    _definitions(changes, old, new)
    _scripts(changes, old, new)
    _emergency(changes, old, new)


def _knowledge(changes: Changes, old: str, new: str | None) -> None:
    def change(table: Any) -> None:
        for place in reversed(range(len(table["entries"]))):
            if table["entries"][place]["type"] != old:
                continue
            if new is None:
                del table["entries"][place]
            else:
                table["entries"][place]["type"] = new

    places.edit(changes, places.KNOWLEDGE, change)


def _rename_definition(changes: Changes, old: str, new: str) -> None:
    """Keep what a type is and is not under its new name; a merged one is what its target is."""

    def change(table: Any) -> None:
        for row in table["types"]:
            if row["id"] == old:
                row["id"] = new

    places.edit(changes, places.DEFINITIONS, change)


def _definitions(changes: Changes, old: str, new: str | None) -> None:
    def change(table: Any) -> None:
        for place in reversed(range(len(table["types"]))):
            row = table["types"][place]
            if row["id"] == old:
                del table["types"][place]
            elif old in row["not"]:
                why = row["not"].pop(old)
                if new is not None and new != row["id"]:
                    row["not"].setdefault(new, why)

    places.edit(changes, places.DEFINITIONS, change)


def _scripts(changes: Changes, old: str, new: str | None) -> None:
    def change(scripts: Any) -> None:
        for place in reversed(range(len(scripts))):
            script = scripts[place]
            wanted = (script.get("ticket") or {}).get("type") == old
            named = script["name"].split()[-1] == old
            if new is None and (wanted or named):
                del scripts[place]
            elif wanted:
                script["ticket"]["type"] = new

    places.edit(changes, places.SCRIPTS, change)


def _emergency(changes: Changes, old: str, new: str | None) -> None:
    """Rename the type in the table of emergencies, where incidents are drawn from."""

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "types" and isinstance(value, list) and old in value:
                    at = value.index(old)
                    if new is None or new in value:
                        del value[at]
                    else:
                        value[at] = new
                else:
                    walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    if changes.text("data/handbook/emergency.yml") is not None:
        places.edit(changes, "data/handbook/emergency.yml", walk)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--write", action="store_true", help="change the files; else only show")
    parser.add_argument("--commit", action="store_true", help="also commit on a branch")
    parser.add_argument("--by", default="trainer", help="who changes it")
    parser.add_argument("--json", action="store_true", help="print data instead of the diff")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)


def add_rename_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach rename-intent`."""
    parser.add_argument("old", help="name of the type")
    parser.add_argument("new", help="its new name")
    parser.add_argument("--title", default="", help="new Chinese name; the old one if not given")
    _common(parser)


def add_merge_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach merge-intent`."""
    parser.add_argument("old", help="name of the type")
    parser.add_argument("into", help="name of the type that takes it in")
    _common(parser)


def add_retire_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach retire-intent`."""
    parser.add_argument("old", help="name of the type")
    _common(parser)


def run_rename(args: argparse.Namespace) -> int:
    """Rename a type."""
    return _carry_out(args, plan_rename(_book(args), args.old, args.new, args.title, args.root))


def run_merge(args: argparse.Namespace) -> int:
    """Merge a type into another."""
    return _carry_out(args, plan_merge(_book(args), args.old, args.into, args.root))


def run_retire(args: argparse.Namespace) -> int:
    """Retire a type."""
    return _carry_out(args, plan_retire(_book(args), args.old, args.root))


def _book(args: argparse.Namespace) -> Handbook:
    return load_handbook(args.root / "data" / "handbook")


def _carry_out(args: argparse.Namespace, changes: Changes) -> int:
    result: dict[str, Any] = {"diff": changes.diff(), "files": changes.paths()}
    if args.write:
        branch = f"training/{args.old}-{datetime.now(timezone.utc):%Y%m%d}"
        message = f"data: change type {args.old}"
        result |= save(changes, branch=branch, message=message, author=args.by, commit=args.commit)
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
        return 0
    print(result["diff"], end="")
    for key in ("written", "branch"):
        if key in result:
            print(f"{key}: {result[key]}")
    return 0
