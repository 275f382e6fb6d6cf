"""`intake coach`: every tool says what it is for and what each of its arguments means."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from bot.coach.commands import TOOLS
from bot.settings import ROOT


def parser_of(name: str) -> argparse.ArgumentParser:
    module, part, _ = TOOLS[name]
    parser = argparse.ArgumentParser()
    getattr(importlib.import_module(module), f"add_{part}_arguments" if part else "add_arguments")(parser)
    return parser


@pytest.mark.parametrize("name", TOOLS)
def test_every_argument_of_a_tool_is_explained(name: str) -> None:
    silent = [a.dest for a in parser_of(name)._actions if not a.help]

    assert silent == []


def test_help_is_all_that_help_prints(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "coach", "switch", "--help"], cwd=ROOT, capture_output=True,
        text=True, check=True,
    )

    assert done.stdout.startswith("usage: intake coach switch")
    assert "why; kept in the history" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_the_guide_or_the_list_names_every_tool(tool: str) -> None:
    guide = (ROOT / "docs" / "trainers.zh-CN.md").read_text("utf-8")

    assert f"intake coach {tool}" in guide
