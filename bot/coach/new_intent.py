"""`intake coach new-intent` 新建类型: from an answer file to everything that a type needs.

The answers are checked as a whole; what is missing is said, and nothing is written until all is
there. Written are table, definition, domain, rule, sentences, tests, answer, words, conversation.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bot.coach import type_files as places
from bot.coach.data_report import families
from bot.coach.examples import Example, read_training
from bot.coach.line_files import BadFile, text_of
from bot.coach.moving import alike, crowded, moved_rows, moved_situations, too_few_left
from bot.coach.near_types import confusable, line_of, titles_of
from bot.coach.promote import LIVE_TESTS, Known, Sentence, evaluation_sets, refusal
from bot.coach.split import is_held_out
from bot.coach.workspace import Changes, save
from bot.desk.likeness import bare
from bot.handbook.definitions import load_definitions
from bot.handbook.errors import DeskError, TableError
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training import Training
from bot.handbook.training_table import load_training
from bot.settings import ROOT

# YAML reads some words as no text: yes, off, null.
WRONG_ID = "名称用小写英文字母、数字和下划线，3到39个字符，不能是 yes、off、null 等"
ID = re.compile(r"(?!(?:yes|true|false|off|null)$)[a-z][a-z0-9_]{2,38}")
KINDS = tuple(kind.value for kind in RequestKind if kind.is_request)
# A type that so many of the sentences resemble must be named among what the new one is not.
CONFUSABLE = 0.2
# An answer is found by its ways of asking, and read on a phone.
ASKS, LETTERS = (4, 8), (40, 140)
ANSWERS = {
    "address": ("东湖区翠苑小区", "地址"), "phone_number": ("1390000" + "1111", "电话"),
    "broadband_account": ("kd001" + "22334", "账号"), "detail": ("请按我说的情况处理一下", "说明"),
    "amount": ("50元", "金额"), "since": ("昨天晚上开始的", "时间"), "name": ("我姓王", "称呼"),
}


@dataclass
class Draft:
    """The answers, what is wrong with them, and what they resemble."""

    answers: Mapping[str, Any]
    problems: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    confusable: list[dict[str, Any]] = field(default_factory=list)
    alike: list[dict[str, str]] = field(default_factory=list)
    move: list[Example] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)

    def wrong(self, part: str, message: str) -> None:
        """Note what is missing or wrong in a part."""
        self.problems.append({"part": part, "message": message})

    def text(self, key: str) -> str:
        """Return an answer that is a text, or an empty one."""
        value = self.answers.get(key)
        return value.strip() if isinstance(value, str) else ""


def check_draft(
    answers: Mapping[str, Any], handbook: Handbook, training: Training, root: Path = ROOT, *,
    reader: Any = None, checker: Any = None,
) -> Draft:
    """Check all answers; the draft tells what is missing and which types come near."""
    draft = Draft({**answers, "not": _by_id(answers.get("not"), handbook)})
    _check_head(draft, handbook)
    moved = set(_texts(answers.get("moves")))
    # Reading all sentences takes seconds; without any to compare, nobody has to wait for them.
    known = read_training(root / "data" / "nlu") if moved or answers.get("sentences") else []
    _check_sentences(draft, training, [e for e in known if e.situation not in moved], root, handbook)
    texts = [s.text for s in draft.sentences if s.text]
    draft.confusable = confusable(texts, known, handbook, reader=reader)
    named = draft.answers["not"]
    for row in draft.confusable:
        if row["share"] >= CONFUSABLE and row["type"] not in named:
            draft.wrong("not", f"与“{row['title']}”容易混淆（{row['share']:.0%}），请写明与它的区别")
    _check_moves(draft, training, known, moved, titles_of(handbook))
    _check_answer(draft, handbook, checker)
    return draft


def _by_id(named: Any, handbook: Handbook) -> dict[str, Any]:
    """Return the close calls by the ids of the types, which may be given by their titles."""
    if not isinstance(named, Mapping):
        return {}
    ids = {row.title: name for name, row in handbook.types.items()}
    return {ids.get(str(other), str(other)): why for other, why in named.items()}


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _check_head(draft: Draft, handbook: Handbook) -> None:
    name, title, kind = draft.text("id"), draft.text("title"), draft.text("kind")
    if not ID.fullmatch(name):
        draft.wrong("id", WRONG_ID)
    elif name in handbook.types:
        draft.wrong("id", f"“{name}”已经存在（{handbook.types[name].title}）")
    if not 2 <= len(title) <= 12:
        draft.wrong("title", "中文名2到12个字")
    elif title in {row.title for row in handbook.types.values()}:
        draft.wrong("title", f"中文名“{title}”已经有了")
    if kind not in KINDS:
        draft.wrong("kind", f"性质应为 {'、'.join(KINDS)} 之一")
    else:
        draft.classes = {
            level.value: handbook.deadline_class(kind=RequestKind(kind), urgency=level).title
            for level in Urgency
        }
    if draft.text("team") not in handbook.teams:
        draft.wrong("team", f"责任团队应为 {'、'.join(handbook.teams)} 之一")
    if len(draft.text("definition")) < 10:
        draft.wrong("definition", "请用一两句话写明这个类型是什么")
    _check_close_calls(draft, handbook)
    if isinstance(draft.answers.get("needs"), str):
        draft.wrong("needs", "要素写成列表，如 [phone_number, address]")
    for need in _texts(draft.answers.get("needs")):
        if unknown := [fact for fact in need.split("|") if fact not in handbook.facts]:
            draft.wrong("needs", f"没有“{unknown[0]}”这项要素")


def _check_close_calls(draft: Draft, handbook: Handbook) -> None:
    named = draft.answers["not"]
    if not named:
        draft.wrong("not", "请写明它不是什么：至少一个相近的类型，和两者的区别")
        return
    for other, why in named.items():
        if other not in handbook.types:
            draft.wrong("not", f"没有“{other}”这个类型")
        elif not str(why or "").strip():
            draft.wrong("not", f"请写明与“{handbook.types[other].title}”的区别")


def _check_sentences(
    draft: Draft, training: Training, known: Sequence[Example], root: Path, handbook: Handbook
) -> None:
    name, rows = draft.text("id") or "new", draft.answers.get("sentences")
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    levels = {level.value for level in Urgency}
    for number, row in enumerate(rows):
        text, urgency = str(row.get("text") or "").strip(), str(row.get("urgency") or "")
        if urgency not in levels:
            draft.wrong("sentences", f"“{text}”没有紧急程度")
        situation = f"{name}-{row.get('situation', number + 1)}"
        draft.sentences.append(
            Sentence(number, text, name, urgency, situation, str(row.get("register") or ""))
        )
    if len(rows) < training.least_sentences:
        draft.wrong("sentences", f"至少{training.least_sentences}句，现在{len(rows)}句")
    registers = {s.register for s in draft.sentences if s.register}
    if len(registers) < training.registers:
        draft.wrong("sentences", f"至少{training.registers}种说话方式，现在{len(registers)}种")
    urgencies = {s.urgency for s in draft.sentences} & levels
    if len(urgencies) < training.urgencies:
        draft.wrong("sentences", f"至少{training.urgencies}种紧急程度，现在{len(urgencies)}种")
    for frame, texts in families([s.example() for s in draft.sentences]):
        draft.wrong("sentences", f"像是套同一个模板：{frame.split(': ', 1)[-1]}（{len(texts)}句）")
    data, sets = Known(known), evaluation_sets(root)
    for sentence in draft.sentences:
        if why := refusal(sentence, data, sets, {*handbook.types, name}):
            draft.wrong("sentences", f"“{sentence.text}”：{why}")
        data.add(sentence.example())


def _check_moves(
    draft: Draft, training: Training, known: Sequence[Example], situations: set[str], titles: Mapping[str, str]
) -> None:
    """Show the old sentences that speak of the new type; check those that are to move."""
    asked = dict.fromkeys(_texts(draft.answers.get("move")))
    found = {e.text: e for e in known if e.text in asked}
    for text in asked:
        if text not in found:
            draft.wrong("move", f"语料里没有“{text}”这句，不能移过来")
    draft.move = [*found.values()]
    leaves = {e for e in known if e.situation in situations} | set(draft.move)
    stay = [e for e in known if e not in leaves]
    for why in too_few_left({e.type for e in draft.move}, known, stay, training, titles):
        draft.wrong("move", why)
    answer = draft.answers.get("answer")
    asks = _texts(answer.get("asks")) if isinstance(answer, Mapping) else []
    said = [*(s.text for s in draft.sentences), *asked, *asks, *_texts(draft.answers.get("words"))]
    draft.alike = [
        {"text": e.text, "type": e.type, "title": titles.get(e.type, e.type)}
        for e in [*draft.move, *alike([*said, draft.text("definition")] if draft.sentences else [], stay)]
    ]
    count = len(draft.sentences) + len(leaves)
    if why := crowded(count, [row["type"] for row in draft.confusable], stay):
        draft.warnings.append(why)


def _check_answer(draft: Draft, handbook: Handbook, checker: Any) -> None:
    answer = draft.answers.get("answer")
    if not isinstance(answer, Mapping):
        if draft.text("kind") == "consult":
            draft.wrong("answer", "咨询类型需要一条答复：标题、常见问法、答复内容、负责人、复核日期")
        return
    for key in ("title", "text", "owner", "review"):
        if not str(answer.get(key) or "").strip():
            draft.wrong("answer", f"答复缺少 {key}")
    if not ASKS[0] <= len(_texts(answer.get("asks"))) <= ASKS[1]:
        draft.wrong("answer", f"常见问法应有{ASKS[0]}到{ASKS[1]}个")
    if not LETTERS[0] <= len(str(answer.get("text") or "")) <= LETTERS[1]:
        draft.wrong("answer", f"答复内容应为{LETTERS[0]}到{LETTERS[1]}字")
    if checker is None or not answer.get("text"):
        return
    result = checker.check(str(answer["text"]), speaker="bot", turn="mid", context="general")
    for finding in result.findings:
        if finding.level == "block":
            draft.wrong("answer", f"不符合服务用语：{finding.message}（“{finding.matched}”）")


def plan_type(draft: Draft, handbook: Handbook, training: Training, root: Path = ROOT) -> Changes:
    """Plan every file of a complete draft; raise `DeskError` naming what is missing."""
    if draft.problems:
        raise DeskError("incomplete", "；".join(p["message"] for p in draft.problems), problems=draft.problems)
    changes, name = Changes(root), draft.text("id")
    needs = _texts(draft.answers.get("needs")) or ["phone_number"]
    last = [row.id for row in handbook.types_in_use().values() if row.kind.is_request][-1]
    places.add_row(
        changes,
        {
            "id": name, "kind": draft.text("kind"), "title": draft.text("title"),
            "team": draft.text("team"), "needs": needs,
        },
    )
    places.add_intent(changes, name, after=last)
    places.add_definition(changes, name, draft.text("definition"), dict(draft.answers["not"]))
    aside = [s for s in draft.sentences if is_held_out(s.situation, training.test_share)]
    kept = [s for s in draft.sentences if s not in aside]
    moved = moved_rows(changes, name, draft.move)
    moved += moved_situations(changes, set(_texts(draft.answers.get("moves"))))
    places.give_examples(changes, f"data/nlu/{name}.yml", name, [*(s.row() for s in kept), *moved])
    places.give_examples(changes, LIVE_TESTS, name, [s.row() for s in aside])
    if isinstance(draft.answers.get("answer"), Mapping):
        places.add_knowledge(changes, _entry(name, draft.answers["answer"]))
    places.add_words(changes, _texts(draft.answers.get("words")))
    places.add_script(changes, script_of(draft, handbook))
    check_tables(changes)
    return changes


def _entry(name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    review = answer["review"]
    return {
        "id": f"{name}_answer", "type": name, "title": str(answer["title"]),
        "asks": _texts(answer["asks"]), "answer": str(answer["text"]),
        "fill_in": _texts(answer.get("fill_in")), "owner": str(answer["owner"]),
        "review": datetime.fromisoformat(review).date() if isinstance(review, str) else review,
    }


def script_of(draft: Draft, handbook: Handbook) -> dict[str, Any]:
    """Return a conversation that opens the type and ends in its answer or its ticket."""
    name, title = draft.text("id"), draft.text("title")
    answer = draft.answers.get("answer")
    if draft.text("kind") == "consult" and isinstance(answer, Mapping):
        first = _texts(answer["asks"])[0]
        return {
            "name": f"asks about {name}", "no_ticket": True,
            "turns": [{"say": first, "has": [str(answer["text"])[:8]]}, {"say": "解决了"}],
        }
    plain = [s for s in draft.sentences if s.urgency == "general"] or draft.sentences
    first = max(plain, key=lambda s: len(bare(s.text)) if len(bare(s.text)) < 25 else 0)
    turns: list[dict[str, Any]] = [{"say": first.text, "has": [title]}]
    for need in _texts(draft.answers.get("needs")) or ["phone_number"]:
        turns.append({"say": ANSWERS.get(need.split("|")[0], ("请按情况处理", ""))[0]})
    turns += [{"say": "确认提交", "has": ["已受理"]}]
    chosen = handbook.deadline_class(kind=RequestKind(draft.text("kind")), urgency=Urgency.GENERAL)
    return {
        "name": f"wants {name}", "turns": turns,
        "ticket": {
            "type": name, "class": chosen.id, "respond_h": f"{chosen.response_h:g}",
            "resolve_h": f"{chosen.resolution_h:g}",
        },
    }


def check_tables(changes: Changes) -> None:
    """Load the handbook as it will be; raise `DeskError` when a table would not."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "handbook"
        shutil.copytree(changes.root / "data" / "handbook", copy)
        for path in changes.paths():
            if path.startswith("data/handbook/") and changes.new[path] is not None:
                (copy / path.removeprefix("data/handbook/")).write_text(str(changes.new[path]), "utf-8")
        try:
            load_handbook(copy)
            load_definitions(copy)
        except TableError as error:
            raise DeskError("bad_table", f"{Path(error.file).name}:{error.line}: {error.expected}") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach new-intent`."""
    parser.add_argument("answers", help="YAML file of answers; - is standard input")
    parser.add_argument("--write", action="store_true", help="write when complete; else only check")
    parser.add_argument("--commit", action="store_true", help="also commit on a branch")
    parser.add_argument("--by", default="trainer", help="who adds it")
    parser.add_argument("--no-model", action="store_true", help="look for near types by words only")
    parser.add_argument("--json", action="store_true", help="print data")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Check the answers and add the type; exit 1 while something is missing."""
    from bot.handbook.language.checker import load_checker

    answers = read_answers(args.answers)
    handbook, training = load_handbook(args.root / "data" / "handbook"), load_training()
    reader = None if args.no_model else _serving_reader()
    checker = load_checker(verify=False) if answers.get("answer") else None
    draft = check_draft(answers, handbook, training, args.root, reader=reader, checker=checker)
    result: dict[str, Any] = {
        "problems": draft.problems, "warnings": draft.warnings, "confusable": draft.confusable,
        "alike": draft.alike, "classes": draft.classes,
    }
    if not draft.problems:
        changes = plan_type(draft, handbook, training, args.root)
        result |= {"diff": changes.diff(), "files": changes.paths()}
        if args.write:
            result |= save(
                changes, branch=f"training/{draft.text('id')}", author=args.by, commit=args.commit,
                message=f"data: type {draft.text('id')} ({draft.text('title')})",
            )
    _show(result, as_json=args.json)
    return 1 if draft.problems else 0


def read_answers(name: str) -> Mapping[str, Any]:
    """Read a file of answers; raise `BadFile` when it holds none."""
    try:
        answers = YAML(typ="safe", pure=True).load(text_of(name))  # in C, deep nesting ends the process
    except (YAMLError, RecursionError) as error:
        raise BadFile(name, f"no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(answers, Mapping):
        raise BadFile(name, "the answer file is not a mapping of answers")
    return answers


def _serving_reader() -> Any:
    from bot.coach.switch import serving_name
    from bot.desk.model_files import models_folder
    from bot.settings import load_settings

    settings = load_settings()
    archive = models_folder(settings.home) / f"{serving_name(settings)}.tar.gz"
    if not archive.exists():
        return None
    import tarfile

    from bot.nlu.reader import Reader

    try:
        return Reader.open(archive)
    except (tarfile.TarError, FileNotFoundError, ModuleNotFoundError):
        # Without a model that can be read, near types are found by words.
        return None


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
        return
    for row in result["problems"]:
        print(f"missing  {row['part']}: {row['message']}")
    for row in result["confusable"]:
        print(line_of(row))
    for row in result["alike"]:
        print(f"alike    {row['title']} ({row['type']}) {row['text']}")
    for warning in result["warnings"]:
        print(f"warn     {warning}")
    print(result.get("diff", ""), end="")
    if "written" in result:
        stamp = datetime.now(timezone.utc).strftime("%H:%M")
        print(f"written at {stamp}: {', '.join(result['written'])}")
