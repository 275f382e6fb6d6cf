"""Start one process of the stack in the foreground, as a container does.

`prepare` trains a model if none is kept, migrates the database and makes the administrator, then
ends; `actions`, `rasa` and `desk` become that process, with the launcher's own command.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

# A script's own folder is on the path, not the repository's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bot.coach.train import fit_at_start, model_at_start, model_path
from bot.desk.model_files import current_archive
from bot.first_start import first_password
from bot.settings import ROOT, Settings, load_settings
from bot.supervisor import parts_of

PARTS = ("actions", "rasa", "desk")


def prepare(settings: Settings) -> None:
    """Do what the three processes need before they start."""
    model_at_start(settings, now=datetime.now(timezone.utc))
    fit_at_start(settings)
    password = first_password(settings)
    if password:
        print(f"first sign-in: name admin, password {password} (shown once; it must be changed)")


def become(name: str, settings: Settings) -> None:
    """Turn into the process of that name."""
    model = current_archive(settings.home) or model_path(settings)
    [part] = [part for part in parts_of(settings, model) if part.name == name]
    os.chdir(ROOT)
    os.execvpe(part.command[0], part.command, dict(part.environ))  # noqa: S606


def main() -> None:
    """Read which part to start, and start it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("prepare", *PARTS))
    name = parser.parse_args().part
    settings = load_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    if name == "prepare":
        prepare(settings)
    else:
        become(name, settings)


if __name__ == "__main__":
    main()
