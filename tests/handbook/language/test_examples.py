"""Every rule's own examples, against itself and against all other rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.handbook.errors import TableError
from bot.handbook.language.checker import TABLES, Checker, load_checker
from bot.handbook.language.examples import (
    circumstances,
    failing_examples,
    idle_antipatterns,
    verify_examples,
)
from bot.handbook.language.kinds import LanguageRule, Search
from bot.handbook.language.tables import Tables, read_tables, version_of

GROUPS = sorted({rule.group for rule in load_checker(verify=False).rules})


@pytest.mark.parametrize("group", GROUPS)
def test_every_example_comes_out_as_its_rule_says(checker: Checker, group: str) -> None:
    assert [str(each) for each in failing_examples(checker, frozenset({group}))] == []


@pytest.mark.parametrize("group", GROUPS)
def test_every_antipattern_is_needed_by_a_good_example(checker: Checker, group: str) -> None:
    assert [str(each) for each in idle_antipatterns(checker, frozenset({group}))] == []


@pytest.fixture(scope="module")
def open_checker(checker: Checker) -> Checker:
    """Return the checker that runs every pattern on every text."""
    rules = tuple(_without_gate(rule) for rule in checker.rules)
    return Checker(Tables(rules, {}, checker.version, read_tables(TABLES).tone))


@pytest.mark.parametrize("group", GROUPS)
def test_the_gate_loses_nothing_that_the_patterns_would_find(checker: Checker, open_checker: Checker, group: str) -> None:
    for rule in checker.rules:
        if rule.group == group:
            for example in (*rule.bad, *rule.good):
                case = circumstances(rule, example)
                gated = checker.check(example.text, **case).findings
                assert gated == open_checker.check(example.text, **case).findings


def _without_gate(rule: LanguageRule) -> LanguageRule:
    searches = tuple(Search(frozenset(), each.pattern) for each in rule.searches)
    return replace(rule, searches=searches)


def test_loading_refuses_a_table_whose_example_does_not_fire(tmp_path) -> None:
    table = (TABLES / "format.yml").read_text(encoding="utf-8")
    broken = table.replace("text: 好的的的的,", "text: 好的,")
    (tmp_path / "format.yml").write_text(broken, encoding="utf-8")

    with pytest.raises(TableError, match="FMT-03"):
        load_checker(tmp_path)


def test_a_stamp_spares_the_next_process_the_examples(tmp_path) -> None:
    (tmp_path / "format.yml").write_bytes((TABLES / "format.yml").read_bytes())
    stamps = tmp_path / "stamps"
    load_checker(tmp_path, stamps=stamps)
    [stamp] = stamps.iterdir()

    assert version_of(tmp_path) in stamp.name


def test_a_stamped_table_is_not_tried_again(tmp_path, checker: Checker) -> None:
    rules = (replace(checker.explain("FMT-01"), bad=checker.explain("FMT-02").bad),)
    unsound = Checker(Tables(rules, {}, "unsound"))
    with pytest.raises(TableError):
        verify_examples(unsound, tmp_path)

    assert list(tmp_path.iterdir()) == []
