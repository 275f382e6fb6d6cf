"""The documents tell the truth: commands, settings, classes, steps and links in them exist."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import pytest

from bot.__main__ import VERBS, main
from bot.handbook.tables import Handbook
from bot.settings import TABLE, Settings

ROOT = Path(__file__).parents[2]
SKIPPED = {".git", ".venv", ".uv", "node_modules", "var", ".rasa", "__pycache__", "results", "build"}
TOP = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
HANDBOOK_README = ROOT / "bot" / "handbook" / "README.md"


def files(pattern: str) -> list[Path]:
    return sorted(p for p in ROOT.rglob(pattern) if p.is_file() and not SKIPPED & set(p.relative_to(ROOT).parts))


DOCS = files("*.md")
by_doc = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def code_in(path: Path) -> str:
    """Return what stands in backticks or in code blocks: commands, not prose."""
    text = path.read_text("utf-8")
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def tracked() -> list[Path]:
    """Return the files of the repository, or of the folder where there is no git."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = [ROOT / name for name in done.stdout.splitlines()]
    return [path for path in names if path.is_file()] or files("*")


@pytest.mark.parametrize("path", TOP, ids=lambda path: path.name)
def test_a_readme_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 150


@by_doc
def test_every_make_target_named_exists(path: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code_in(path)))
    assert named - targets() == set()


@by_doc
def test_every_verb_named_exists(path: Path) -> None:
    named = set(re.findall(r"(?:\bintake|-m bot) ([a-z][a-z-]*)", code_in(path)))
    assert named - set(VERBS) == set()


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_named_in_the_readme_and_has_help(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"`{verb}`" in (ROOT / "README.md").read_text("utf-8")
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert (stopped.value.code, f"intake {verb}" in capsys.readouterr().out) == (0, True)


def test_every_setting_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    shown = capsys.readouterr().out

    assert [name for name, _, _ in TABLE if f"INTAKE_{name} " not in shown] == []
    assert {name.lower() for name, _, _ in TABLE} == set(Settings.__dataclass_fields__)


def test_secrets_are_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, _, _ in TABLE:
        if any(word in name for word in ("SECRET", "PASSWORD", "SMTP_URL", "DATABASE_URL", "REDIS_URL", "WEBHOOK_URL")):
            monkeypatch.setenv(f"INTAKE_{name}", "openly")
    main(["settings"])

    assert "openly" not in capsys.readouterr().out


@by_doc
def test_every_setting_named_exists(path: Path) -> None:
    # INTAKE_TEST_… are read by the tests, INTAKE_SITE by the compose file.
    known = {name for name, _, _ in TABLE} | {"SITE", "TEST_POSTGRES", "TEST_REQUIRE", "TEST_REDIS"}
    named = set(re.findall(r"\bINTAKE_([A-Z_]+[A-Z])\b", path.read_text("utf-8")))
    assert named - known == set()


def test_every_deadline_class_is_explained(handbook: Handbook) -> None:
    for path in (ROOT / "README.zh-CN.md", HANDBOOK_README):
        told = path.read_text("utf-8")
        assert [name for name in handbook.classes if f"`{name}`" not in told] == [], path.name


def test_the_figures_in_the_readme_are_those_of_the_table(handbook: Handbook) -> None:
    told = (ROOT / "README.zh-CN.md").read_text("utf-8")
    rows = {
        f"| {row.title} `{row.id}` | {row.response_h:g} 小时 | {row.resolution_h:g} 小时 |"
        for row in handbook.classes.values()
    }
    assert {row for row in rows if row not in told} == set()


def test_every_step_is_explained(handbook: Handbook) -> None:
    english = HANDBOOK_README.read_text("utf-8")
    chinese = (ROOT / "README.zh-CN.md").read_text("utf-8")
    untold = [
        step.id
        for step in handbook.lifecycle.steps.values()
        if f"`{step.id}`" not in english and step.title not in chinese
    ]
    assert untold == []


def test_every_table_and_module_of_the_handbook_is_in_its_mirror() -> None:
    told = HANDBOOK_README.read_text("utf-8")
    tables = [p.name for p in (ROOT / "data" / "handbook").glob("*.yml") if p.name not in {"canned.yml"}]
    modules = [p.name for p in (ROOT / "bot" / "handbook").glob("*.py") if p.name != "__init__.py"]
    assert [name for name in tables + modules if f"`{name}`" not in told] == []


def test_tests_named_in_the_mirror_exist() -> None:
    told = HANDBOOK_README.read_text("utf-8")
    named = set(re.findall(r"`(test_\w+\.py)`", told))
    paths = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", told))
    assert [n for n in named if not (ROOT / "tests" / "handbook" / n).is_file()] == []
    assert [n for n in paths if not (ROOT / n).exists()] == []


def test_patterns_have_at_most_six_steps() -> None:
    patterns = HANDBOOK_README.read_text("utf-8").split("### ")[1:]
    assert len(patterns) >= 5
    assert [text.splitlines()[0] for text in patterns if re.search(r"^7\.", text, re.MULTILINE)] == []


@by_doc
def test_links_lead_to_files(path: Path) -> None:
    text = path.read_text("utf-8")
    linked = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [link for link in linked if not re.match(r"https?:|mailto:", link)]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", [*TOP, HANDBOOK_README, ROOT / "data" / "README.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_files_named_in_backticks_exist(path: Path) -> None:
    named = re.findall(r"`((?:bot|data|tests|deploy|docs|actions)/[\w./-]+)`", path.read_text("utf-8"))
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


# Written in pieces, so that this file does not name them itself.
ELSEWHERE = re.compile(
    "|".join([r"(?<![\w.:$/}-])/wo" + r"rk/", r"/tm" + r"p/w\b", r"/ro" + r"ot/", r"/ho" + r"me/(?!intake|appuser)\w+/"])
)
MADE_BY = re.compile("|".join(["Cla" + "ude", "Anthr" + "opic", "Chat" + "GPT", "Co" + "pilot", "language mo" + "del wrote"]), re.IGNORECASE)


def test_nothing_names_the_machine_it_was_written_on() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".png", ".lock", ".ico", ".woff2"} or path.name == "package-lock.json":
            continue
        text = path.read_text("utf-8", errors="ignore")
        # Customers ask the bot whether it is one of the well-known ones.
        said_by_customers = path.parent.name == "nlu"
        if ELSEWHERE.search(text) or (MADE_BY.search(text) and not said_by_customers):
            found.append(path.relative_to(ROOT).as_posix())
    assert found == []


def test_the_changelog_tells_of_the_version_of_the_package() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_modules_of_verbs_can_be_imported() -> None:
    for target, _ in VERBS.values():
        module, _, name = target.partition(":")
        found = importlib.import_module(module)
        assert hasattr(getattr(found, name) if name else found, "run")
