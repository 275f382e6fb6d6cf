"""Chapter 8.3: kept models (模型文件): archives with their cards, which one serves, who is trying.

`models/current` names the archive in service, from the first start on; beside each archive lie
its card (what it was made of) and the gate's report. Every file appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.desk.engine_routes import routes_path
from bot.handbook.errors import NotFound, Refusal
from bot.handbook.privacy import mask
from bot.handbook.signal_table import signals_in_force

ENDING = ".tar.gz"
BY_START = "start"
NO_MODEL = "还没有训练过模型，请先训练（intake coach train）"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class NotPassed(Refusal):
    """Refuse to put a model into service that the gate stopped or never saw."""

    code = "gate_not_passed"


def models_folder(home: Path) -> Path:
    """Return the folder of kept models."""
    return home / "models"


def write_json(path: Path, data: Any) -> None:
    """Write a file that readers see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(data, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the file's object, or an empty one when there is none yet."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return data if isinstance(data, dict) else {}


def archive_of(home: Path, name: str) -> Path:
    """Return the archive of a kept model; raise `NotFound`."""
    name = name.removesuffix(ENDING)
    path = models_folder(home) / f"{name}{ENDING}"
    if not _NAME.fullmatch(name) or not path.is_file():
        kept = "、".join(name_of(each) for each in sorted(models_folder(home).glob(f"*{ENDING}")))
        raise NotFound(f"没有模型 {name}；{f'已有：{kept}' if kept else NO_MODEL}", model=name)
    return path


def name_of(archive: Path) -> str:
    """Return the name of a model without its ending."""
    return archive.name.removesuffix(ENDING)


def card_path(home: Path, name: str) -> Path:
    """Return where a model's card lies."""
    return models_folder(home) / f"{name}.card.json"


def gate_path(home: Path, name: str) -> Path:
    """Return where the gate's report on a model lies."""
    return models_folder(home) / f"{name}.gate.json"


def pointer(home: Path) -> dict[str, Any]:
    """Return what `models/current` says: model, since, previous; empty when nothing was chosen."""
    return read_json(models_folder(home) / "current")


def current_archive(home: Path) -> Path | None:
    """Return the archive that was put into service, or None when none was or it is gone."""
    # Before there was a pointer from the first start on, only the routes said which model served.
    name = pointer(home).get("model") or (read_json(routes_path(home)).get("serving") or {}).get("model")
    path = models_folder(home) / f"{name}{ENDING}"
    return path if name and path.is_file() else None


def point_to(
    home: Path, name: str, *, now: datetime, previous: str | None, watched: bool,
    canary: dict[str, Any] | None = None, by: dict[str, Any] | None = None,
) -> None:
    """Put a model into service; the supervisor sees the file and starts it beside the old one.

    `by` is given by a start of the stack; all others are people, or the guard for them.
    """
    archive_of(home, name)
    write_json(
        models_folder(home) / "current",
        {
            "model": name, "since": now.isoformat(), "previous": previous, "watched": watched,
            "canary": canary, **(by or {}),
        },
    )


def note_ended(
    home: Path, *, kind: str, model: str, previous: str | None, reason: str, now: datetime
) -> None:
    """Leave word of a change that the supervisor made; the desk takes it into the history."""
    write_json(
        models_folder(home) / f"ended-{now:%Y%m%d%H%M%S%f}.json",
        {"kind": kind, "model": model, "previous": previous, "reason": reason, "at": now.isoformat()},
    )


def ended_notes(home: Path) -> list[Path]:
    """Return the words that were left and not taken in yet, oldest first."""
    return sorted(models_folder(home).glob("ended-*.json"))


def kept_models(home: Path) -> list[dict[str, Any]]:
    """Return every kept model with card and verdict, newest first."""
    found = []
    serving = pointer(home)
    for path in models_folder(home).glob(f"*{ENDING}"):
        name, stat = name_of(path), path.stat()
        gate = read_json(gate_path(home, name))
        found.append(
            {
                "name": name, "made": stat.st_mtime, "size_mb": round(stat.st_size / 2**20, 1),
                "serving": serving.get("model") == name,
                "canary": (serving.get("canary") or {}).get("model") == name,
                "card": read_json(card_path(home, name)), "signals": judged_with(home, name),
                "gate": {
                    key: gate[key] for key in ("passed", "played", "at", "against", "reasons", "override")
                    if key in gate
                },
            }
        )
    return sorted(found, key=lambda model: -model["made"])


def judged_with(home: Path, name: str) -> str | None:
    """Return the table of signals a model was examined with, else trained with, as far as kept.

    The signals are no part of a model: whichever starts raises urgency by the table of that day.
    """
    kept = (read_json(path(home, name)).get("signals") for path in (gate_path, card_path))
    return next((str(signals) for signals in kept if signals), None)


def other_signals(home: Path, name: str) -> dict[str, str]:
    """Return both tables of signals when those in force are not those a model was judged with."""
    judged, now = judged_with(home, name), signals_in_force()
    return {"judged": judged, "now": now} if judged and judged != now else {}


def why_not(home: Path, name: str, *, serving: str | None) -> str:
    """Return why a model may not serve in place of the one that does, or an empty text.

    Its report must be passed, with the conversations played, against the model that serves now
    and with the signals in force; a leader may let it pass.
    """
    gate = read_json(gate_path(home, name))
    if gate.get("override"):
        return ""
    if not gate.get("passed"):
        return "该模型未通过评审"
    if not gate.get("played"):
        return "评审时没有走完整对话"
    if serving and serving != name and gate.get("against") != serving:
        return f"评审对比的不是在用的模型{serving}，请重新评审"
    if gate.get("signals") and other_signals(home, name):
        return "评审之后紧急征象有改动，请重新评审"
    return ""


def was_stopped(home: Path, name: str) -> bool:
    """Tell whether the gate stopped the model and no leader let it pass."""
    gate = read_json(gate_path(home, name))
    return bool(gate) and not (gate.get("passed") or gate.get("override"))


def keep_report(home: Path, name: str, report: dict[str, Any]) -> None:
    """Keep the gate's report on a model; what a leader decided of it stays."""
    decided = read_json(gate_path(home, name)).get("override")
    write_json(gate_path(home, name), report | ({"override": decided} if decided else {}))


def override_gate(home: Path, name: str, *, by: str, reason: str, now: datetime) -> dict[str, Any]:
    """Keep a leader's reason for letting a stopped model pass."""
    gate = read_json(gate_path(home, name))
    if not gate:
        raise NotFound("这个模型还没有评审过", model=name)
    gate["override"] = {"by": by, "reason": mask(reason), "at": now.isoformat()}
    write_json(gate_path(home, name), gate)
    return gate
