"""What the customer page weighs and what its files may not contain."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "bot/channels/web/page"
VUE = ROOT / "node_modules/vue/dist/vue.runtime.esm-browser.prod.js"
LIMIT = 150_000

FILES = sorted(path for path in PAGES.iterdir() if path.suffix in {".html", ".js", ".css", ".svg"})
SCRIPTS = [path for path in FILES if path.suffix == ".js"]


def test_the_whole_page_is_under_150_kilobytes_on_the_line() -> None:
    weights = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in [*FILES, VUE]}

    assert sum(weights.values()) < LIMIT, weights


def test_nothing_inline_stands_in_the_page() -> None:
    html = (PAGES / "index.html").read_text(encoding="utf-8")

    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", html)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_neither_evaluates_text_nor_writes_markup(script: Path) -> None:
    source = script.read_text(encoding="utf-8")

    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|v-html", source)


def test_the_page_names_every_script_and_sheet() -> None:
    html = (PAGES / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r"/static/web/(\w+\.(?:js|css))", html))

    assert named == {path.name for path in FILES if path.suffix in {".js", ".css"}}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_loads_only_itself_and_vue(script: Path) -> None:
    sources = re.findall(r"from \"([^\"]+)\"", script.read_text(encoding="utf-8"))
    strangers = [s for s in sources if not s.startswith(("./", "/static/lib/vue/"))]

    assert strangers == []


def test_no_file_is_longer_than_one_can_read() -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}

    assert {name: n for name, n in lengths.items() if n > 400} == {}
