"""The language tables on the command line, 服务语言规则维护: explain, draft, check, report rules."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path

from bot.coach.tone_lines import TITLES
from bot.desk.figures import day_of
from bot.desk.rules_in_force import RuleUse, rule_uses
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import TABLES, Checker, RuleNotFound, load_checker
from bot.handbook.language.examples import failing_examples, idle_antipatterns
from bot.handbook.language.finding import HEARD
from bot.handbook.language.kinds import LanguageRule
from bot.handbook.language.tables import read_what_can_be_read
from bot.settings import load_settings
from bot.storage.engine import open_database, reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs: explain, new, check, tone, report."""
    verbs = parser.add_subparsers(dest="language_verb", required=True)
    explain = verbs.add_parser("explain", help="show one rule with its examples")
    explain.add_argument("rule")
    new = verbs.add_parser("new", help="print a new rule to fill in")
    new.add_argument("rule")
    check = verbs.add_parser("check", help="run the examples of all rules, or of some")
    check.add_argument("groups", nargs="*", metavar="RULE", help="an id, FMT-01, or a group, FMT")
    verbs.add_parser("tone", help="fit the tone tables to the sentences of the second opinion")
    report = verbs.add_parser("report", help="how often each rule fired, and what people did")
    report.add_argument("--since", type=day_of, metavar="DAY", help="from this day on")


def run(args: argparse.Namespace) -> int:
    """Carry out one verb of `intake language`."""
    if args.language_verb == "check":
        return check_tables(args.groups)
    if args.language_verb == "new":
        print(draft(new_id(args.rule)), end="")
        return 0
    if args.language_verb == "tone":
        from bot.coach.tone import renew

        bad, grave = renew()
        print(f"tone.tsv: {bad} runs of characters, grave.tsv: {grave}")
        return check_tables([])
    if args.language_verb == "report":
        print("\n".join(reported(_uses(args.since))))
        return 0
    print(explained(load_checker(verify=False).explain(args.rule)))
    return 0


def check_tables(groups: list[str]) -> int:
    """Print every mistake in the tables and every example that fails; 1 if there is any."""
    tables, problems = read_what_can_be_read(TABLES)
    checker, wanted = Checker(tables), frozenset(groups)
    known = {name for rule in tables.rules for name in (rule.id, rule.group)}
    # A table that cannot be read may hold what is asked for: its mistake is the answer.
    if not problems and (unknown := sorted(wanted - known)):
        raise RuleNotFound(unknown[0], known)
    problems += [*failing_examples(checker, wanted), *idle_antipatterns(checker, wanted)]
    for problem in problems:
        print(problem)
    print(f"{len(tables.rules)} rules, {len(problems)} problems")
    return 1 if problems else 0


def _uses(since: date | None) -> list[RuleUse]:
    start = None if since is None else datetime.combine(since, time(), SHANGHAI)
    with reading(open_database(load_settings().database_url)) as session:
        return rule_uses(session, since=start)


def reported(uses: Sequence[RuleUse]) -> list[str]:
    """Lay out per rule: fired, refused, overridden, dismissed, accepted rewrites, share ignored."""
    titles = {rule.id: rule.title for rule in load_checker(verify=False).rules}
    titles |= {f"{HEARD}{family}": f"第二意见：{title}" for family, title in TITLES.items()}
    wide = max([10, *(len(each.rule) for each in uses)])
    lines = [f"{'rule':{wide}} fired refused overridden dismissed rewritten ignored"]
    for each in uses:
        lines.append(
            f"{each.rule:{wide}} {each.fired:5} {each.refused:7} {each.overridden:10}"
            f" {each.dismissed:9} {each.rewritten:9} {each.ignored:7.0%}  {titles.get(each.rule, '')}"
        )
    return [*lines, f"{len(uses)} rules fired"]


def explained(rule: LanguageRule) -> str:
    """Describe one rule for people."""
    levels = "、".join(f"{name}:{level.value}" for name, level in sorted(rule.levels.items()))
    about = [
        f"{rule.id} {rule.title}",
        f"  级别 {levels}   种类 {rule.kind}   归类 {rule.report}   依据 {rule.basis}",
        f"  适用 {'、'.join(sorted(rule.applies))}"
        f"   轮次 {'、'.join(sorted(rule.turns)) or '全部'}"
        f"   场景 {'、'.join(sorted(rule.contexts)) or '全部'}"
        f"   豁免 {'、'.join((*rule.guards, *(('tone',) if rule.tone else ()))) or '无'}",
        f"  负责 {rule.owner}   自 {rule.since}   {Path(rule.file).name}:{rule.line}",
        f"  {rule.message}",
    ]
    if rule.suggestion:
        about.append(f"  建议：{rule.suggestion}")
    if not rule.overridable:
        about.append("  不可强制发送")
    about.extend(f"  坏 {each.text}" for each in rule.bad)
    about.extend(f"  好 {each.text}" for each in rule.good)
    return "\n".join(about)


def new_id(rule_id: str) -> str:
    """Return the id of a new rule; refuse one that is taken, or that no rule can have."""
    if not re.fullmatch(r"[A-Z]{3}-\d\d", rule_id):
        raise DeskError("bad_request", f"{rule_id}: expected an id like FMT-01")
    taken = {rule.id for rule in load_checker(verify=False).rules}
    if rule_id in taken:
        group = rule_id[:4]
        free = next(f"{group}{at:02}" for at in range(1, 100) if f"{group}{at:02}" not in taken)
        raise DeskError("name_taken", f"{rule_id} is there already (intake language explain {rule_id}); {free} is free")
    return rule_id


def draft(rule_id: str) -> str:
    """Write a rule to be filled in and added to the table of its group."""
    return f"""\
- id: {rule_id}
  title: 规则名称
  kind: pattern
  report: —
  level: warn
  pattern: '要找的说法'
  message: 说明为什么不妥、怎样改。
  suggestion: 可以直接使用的句子；含具体事实的写作“例如：……”。
  basis: 企业内部标准
  owner: 服务质量组
  since: 2026-01-01
  bad:
  - {{text: 应当命中的句子一。, span: 句子一}}
  - {{text: 应当命中的句子二。, span: 句子二}}
  - {{text: 应当命中的句子三。, span: 句子三}}
  good:
  - {{text: 相似而无妨的句子一。}}
  - {{text: 相似而无妨的句子二。}}
  - {{text: 相似而无妨的句子三。}}
"""
