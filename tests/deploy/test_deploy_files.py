"""What deploy/ says of the project is still true of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.settings import TABLE

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
# The proxy's host name is no business of the desk.
PROXY_ONLY = {"INTAKE_SITE"}
OURS = ("prepare", "actions", "rasa", "desk")


def settings_known() -> set[str]:
    return {f"INTAKE_{name}" for name, _, _ in TABLE}


@pytest.mark.parametrize("service", OURS)
def test_a_service_sets_only_what_is_a_setting(service: str) -> None:
    given = COMPOSE["services"][service]["environment"]

    assert {name for name in given if name not in settings_known()} == set()


def test_the_example_of_settings_names_only_settings() -> None:
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(INTAKE_\w+)=", lines, re.MULTILINE))

    assert named - settings_known() == PROXY_ONLY


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_a_part_that_can_be_started(service: str) -> None:
    usage = subprocess.run(
        [sys.executable, str(DEPLOY / "start_part.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=DEPLOY,
    ).stdout

    assert COMPOSE["services"][service]["command"] == [service]
    assert service in usage


def test_the_image_copies_only_what_exists() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.M)
    missing = [name for line in copies for name in line.split() if not (ROOT / name).exists()]

    assert missing == []


def test_the_image_has_a_python_that_the_project_allows() -> None:
    [minor] = re.findall(r"^FROM python:3\.(\d+)-", (DEPLOY / "Dockerfile").read_text(), re.M)
    low, high = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()
    ).groups()

    assert int(low) <= int(minor) < int(high)


def test_only_the_desk_has_open_ports() -> None:
    open_to_the_world = [name for name, s in COMPOSE["services"].items() if "ports" in s]

    assert open_to_the_world == ["desk"]
