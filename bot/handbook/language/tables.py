"""Rule tables, 规则表: from `data/handbook/language/*.yml` to compiled rules.

`classes.yml` holds the word classes of all tables, `brands.yml` the numbers and domains of each
operator, every other file the checks of one group. What the keys of a check mean stands in
`data/handbook/language/README.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.handbook.errors import TableError
from bot.handbook.language import absence, checksum, consistency, facts
from bot.handbook.language.case import CONTEXTS, SPEAKERS, TURNS
from bot.handbook.language.finding import Level
from bot.handbook.language.gate import effective_anchors, further_anchors, reach_of
from bot.handbook.language.guards import GUARDS
from bot.handbook.language.kinds import (
    KINDS,
    Brand,
    Example,
    Fix,
    LanguageRule,
    Match,
    Materials,
    Search,
    Structural,
    Unless,
    match_compact,
    match_raw,
)
from bot.handbook.language.nodes import Place, read_place
from bot.handbook.language.pattern import UnknownClass, alternation, branches, compile_pattern
from bot.handbook.language.text import normalise
from bot.handbook.language.tone import FILE, Tone, read_tone

FUNCTIONS: dict[str, Mapping[str, Structural]] = {
    "absence": absence.FUNCTIONS,
    "consistency": consistency.FUNCTIONS,
    "fact": facts.FUNCTIONS,
    "checksum": checksum.FUNCTIONS,
}
_HEAD = ("version", "effective", "basis", "group", "title", "checks")
_REQUIRED = ("id", "title", "kind", "level", "message", "basis", "owner", "since", "bad", "good")
_OPTIONAL = (
    "report", "applies", "turns", "contexts", "scopes", "anchors", "pattern", "patterns",
    "phrases", "near", "reach", "raw", "compact", "function", "params", "unless", "unless_in", "unless_facts",
    "antipatterns", "spared_by", "yields_to", "tone", "grave", "suggestion", "fix", "override",
)  # fmt: skip
_SOURCES = {
    "phrase": ("phrases",), "pattern": ("pattern", "patterns"), "cooccur": ("near",),
    "tone": ("pattern", "patterns"),
}  # fmt: skip
_NOT_OF_TONE = ("anchors", "raw", "compact", "tone", "fix")  # a sentence called them, not a word
_EXAMPLE = ("speaker", "turn", "context", "facts")
_REACHES = ("clause", "sentence", "reply")
_FEWEST = 3


@dataclass(frozen=True)
class Tables:
    """All rules of a directory, compiled, with a version that changes with any of their bytes."""

    rules: tuple[LanguageRule, ...]
    brands: Mapping[str, Brand]
    version: str
    tone: Tone | None = None


def read_tables(directory: Path) -> Tables:
    """Read every table of a directory; the first mistake is raised as a `TableError`."""
    tables, problems = read_what_can_be_read(directory)
    if problems:
        raise problems[0]
    return tables


def read_what_can_be_read(directory: Path) -> tuple[Tables, list[TableError]]:
    """Read the tables that are sound, and list what is wrong with the others."""
    files = sorted(directory.glob("*.yml"))
    if not files:
        raise TableError(file=directory, line=0, key="*.yml", expected="at least one rule table")
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    classes = _global_classes(texts, directory / "classes.yml")
    brands = _brands(texts, directory / "brands.yml")
    rules: dict[str, LanguageRule] = {}
    problems: list[TableError] = []
    for file, text in texts.items():
        if file.name in {"classes.yml", "brands.yml"}:
            continue
        try:
            _read_group(read_place(text, file), classes, brands, rules)
        except TableError as problem:
            problems.append(problem)
    ordered = tuple(rules[name] for name in sorted(rules))
    if not problems:
        problems.extend(_unknown_betters(ordered))
    return Tables(ordered, brands, version_of(directory), _tone(directory, problems)), problems


def _tone(directory: Path, problems: list[TableError]) -> Tone | None:
    try:
        return read_tone(directory / FILE)
    except TableError as problem:
        problems.append(problem)
        return None


def _unknown_betters(rules: tuple[LanguageRule, ...]) -> Iterator[TableError]:
    """Yield an error for every rule that yields to a rule or a group that is not there."""
    known = {name for rule in rules for name in (rule.id, rule.group)}
    for rule in rules:
        for name in sorted(rule.yields_to - known):
            yield TableError(
                file=rule.file,
                line=rule.line,
                key="yields_to",
                expected=f"ids of rules or groups, not {name}",
            )


def version_of(directory: Path) -> str:
    """Give a short fingerprint of all tables of a directory."""
    digest = hashlib.sha256()
    for file in sorted((*directory.glob("*.yml"), *directory.glob("*.tsv"))):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _global_classes(texts: Mapping[Path, str], file: Path) -> dict[str, str]:
    if file not in texts:
        return {}
    table = read_place(texts[file], file).mapping(("version", "effective", "basis", "classes"), ())
    return _classes(table["classes"])


def _classes(place: Place) -> dict[str, str]:
    """Turn lists of words into alternatives; a single text is a pattern already."""
    found: dict[str, str] = {}
    for name, value in place.mapping().items():
        if not re.fullmatch("[a-z_][a-z0-9_]*", name):
            raise value.wrong("a class name of small letters, digits and underscores")
        is_list = not hasattr(value.node, "style") or isinstance(value.node.value, list)
        found[name] = alternation(value.texts()) if is_list else value.text()
    return found


def _brands(texts: Mapping[Path, str], file: Path) -> dict[str, Brand]:
    if file not in texts:
        return {}
    head = ("version", "effective", "basis", "brands")
    table = read_place(texts[file], file).mapping(head, ("unverified",))
    brands = {}
    for name, place in table["brands"].mapping().items():
        entry = place.mapping(("titles", "numbers", "domains"), ())
        numbers = {number: use.text() for number, use in entry["numbers"].mapping().items()}
        brands[name] = Brand(name, entry["titles"].texts(), numbers, entry["domains"].texts())
    return brands


def _read_group(
    place: Place,
    classes: Mapping[str, str],
    brands: Mapping[str, Brand],
    rules: dict[str, LanguageRule],
) -> None:
    head = place.mapping(_HEAD, ("classes",))
    head["version"].number()
    head["effective"].date()
    own = {**classes, **(_classes(head["classes"]) if "classes" in head else {})}
    group = head["group"].text()
    for item in head["checks"].items():
        rule = _Decoder(item, group, own, brands).rule()
        if rule.id in rules:
            raise item.wrong(f"an id of its own, {rule.id} is taken", key="id")
        rules[rule.id] = rule


class _Decoder:
    """Decodes one check; it keeps what all its steps need."""

    def __init__(
        self, place: Place, group: str, classes: Mapping[str, str], brands: Mapping[str, Brand]
    ) -> None:
        self.place = place
        self.group = group
        self.classes = classes
        self.brands = brands
        self.keys = place.mapping(_REQUIRED, _OPTIONAL)
        self.kind = self.keys["kind"].choice(KINDS)
        for key in _NOT_OF_TONE if self.kind == "tone" else ():
            if key in self.keys:
                raise self.keys[key].wrong("not to be there with kind tone", key=key)
        usual = "sentence" if self.kind == "tone" else "clause"
        self.reach = self.keys["reach"].choice(_REACHES) if "reach" in self.keys else usual
        self.raw = self._flag("raw", default=False)

    def rule(self) -> LanguageRule:
        keys = self.keys
        patterns = self._patterns()
        name = keys["id"].text()
        if not re.fullmatch(re.escape(self.group) + r"-\d\d", name):
            raise keys["id"].wrong(f"an id like {self.group}-01")
        report = keys["report"].text() if "report" in keys else "—"
        return LanguageRule(
            id=name,
            title=keys["title"].text(),
            group=self.group,
            kind=self.kind,
            # "—" in the catalogue means: no coarse kind, the rule reports its own id.
            report=name if report == "—" else report,
            levels=self._levels(),
            applies=frozenset(self._choices("applies", SPEAKERS) or SPEAKERS),
            turns=frozenset(self._choices("turns", TURNS)),
            contexts=frozenset(self._choices("contexts", CONTEXTS)),
            guards=self._choices("scopes", tuple(GUARDS)) if "scopes" in keys else ("quote",),
            searches=self._searches(patterns),
            match=self._match(patterns),
            compact=self._flag("compact", default=False),
            patterns=patterns,
            unless=self._unless(),
            unless_facts=keys["unless_facts"].texts() if "unless_facts" in keys else (),
            antipatterns=self._antipatterns(),
            spared_by=self._spared_by(),
            yields_to=frozenset(keys["yields_to"].texts() if "yields_to" in keys else ()),
            tone=self._flag("tone", default=False),
            grave=self._flag("grave", default=False),
            message=keys["message"].text(),
            suggestion=keys["suggestion"].text() if "suggestion" in keys else "",
            fix=self._fix(),
            overridable=self._flag("override", default=True),
            basis=keys["basis"].text(),
            owner=keys["owner"].text(),
            since=keys["since"].date(),
            bad=self._examples("bad", ("text", "span"), ("fixed",)),
            good=self._examples("good", ("text",), ()),
            file=self.place.file,
            line=self.place.line,
        )

    def _flag(self, key: str, *, default: bool) -> bool:
        return self.keys[key].flag() if key in self.keys else default

    def _choices(self, key: str, options: tuple[str, ...]) -> tuple[str, ...]:
        return self.keys[key].choices(options) if key in self.keys else ()

    def _levels(self) -> dict[str, Level]:
        place, options = self.keys["level"], [level.value for level in Level]
        if not isinstance(place.node.value, list):
            return {"default": Level(place.choice(options))}
        entries = place.mapping(("default",), CONTEXTS)
        return {name: Level(entry.choice(options)) for name, entry in entries.items()}

    def _compile(self, place: Place, source: str, *, raw: bool = False) -> re.Pattern[str]:
        try:
            return compile_pattern(source, self.classes, reach=self.reach, raw=raw)
        except UnknownClass as unknown:
            raise place.wrong(f"a known word class, not {{{unknown}}}") from None
        except re.error as error:
            raise place.wrong(f"a regular expression ({error})") from None

    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        """Compile what the rule looks for; structural kinds have a function instead."""
        wanted = _SOURCES.get(self.kind, ("function",))
        given = [
            key
            for key in ("phrases", "pattern", "patterns", "near", "function")
            if key in self.keys
        ]
        if len(given) != 1 or given[0] not in wanted:
            raise self.place.wrong(f"exactly {' or '.join(wanted)} for kind {self.kind}")
        place = self.keys[given[0]]
        if self.kind == "phrase":
            return (self._compile(place, alternation(place.texts())),)
        if self.kind == "cooccur":
            return (self._compile(place, self._near(place)),)
        if self.kind not in {"pattern", "tone"}:
            return ()
        sources = list(place.items()) if given[0] == "patterns" else [place]
        return tuple(self._compile(source, source.text(), raw=self.raw) for source in sources)

    def _near(self, place: Place) -> str:
        entry = place.mapping(("a", "b", "within"), ("order",))
        first, second = (self._words(entry[key]) for key in ("a", "b"))
        gap = f".{{0,{entry['within'].number()}}}?"
        ahead = f"(?:{first}){gap}(?:{second})"
        order = entry["order"].choice(("ab", "any")) if "order" in entry else "any"
        return ahead if order == "ab" else f"{ahead}|(?:{second}){gap}(?:{first})"

    def _words(self, place: Place) -> str:
        if isinstance(place.node.value, list):
            return alternation(place.texts())
        name = place.text().strip("{}")
        if name not in self.classes:
            raise place.wrong("a word class or a list of words")
        return self.classes[name]

    def _searches(self, patterns: tuple[re.Pattern[str], ...]) -> tuple[Search, ...]:
        if self.kind == "tone":
            return ()  # the sound of a sentence calls them, not a word
        words = self.keys["anchors"].texts() if "anchors" in self.keys else ()
        declared = tuple(normalise(word) for word in words)
        if self.raw or not patterns:
            return (Search(frozenset(declared) or self._trigger_anchors()),)
        searches = []
        for pattern in patterns:
            # Each alternative is called by anchors of its own: fewer places, shorter searches.
            for source in branches(pattern.pattern):
                part = re.compile(source)
                gate = effective_anchors(part, declared)
                further = further_anchors(part, gate)
                searches.append(Search(gate, part, reach_of(source) if gate else "reply", further))
        if self._flag("compact", default=False):
            gates = [search.anchors for search in searches]
            searches.append(Search(frozenset().union(*gates) if all(gates) else frozenset()))
        return tuple(searches)

    def _trigger_anchors(self) -> frozenset[str]:
        """Work out anchors of what must stand in a reply before an absence rule asks for more."""
        if self.kind != "absence" or "params" not in self.keys:
            return frozenset()
        place = self.keys["params"]
        params = self._params(FUNCTIONS[self.kind][self.keys["function"].text()])
        trigger = params.get("when") or params.get("what")
        return effective_anchors(self._compile(place, str(trigger)), ()) if trigger else frozenset()

    def _match(self, patterns: tuple[re.Pattern[str], ...]) -> Match | None:
        if "function" not in self.keys:
            if self.raw:
                return match_raw(patterns)
            compact = self._flag("compact", default=False)
            return match_compact(patterns) if compact else None
        place, known = self.keys["function"], FUNCTIONS[self.kind]
        function = known[place.choice(tuple(known))]
        params = self._params(function)
        materials = Materials(lambda source: self._compile(place, source), self.brands)
        return function.build(params, materials)

    def _params(self, function: Structural) -> dict[str, Any]:
        if "params" not in self.keys:
            if function.required:
                raise self.place.wrong("params " + ", ".join(function.required), key="params")
            return {}
        entries = self.keys["params"].mapping(function.required, function.optional)
        return {name: place.plain() for name, place in entries.items()}

    def _unless(self) -> Unless | None:
        if "unless" not in self.keys:
            return None
        within = self.keys["unless_in"].choice(_REACHES) if "unless_in" in self.keys else "clause"
        place = self.keys["unless"]
        return Unless(self._compile(place, place.text()), within)

    def _spared_by(self) -> re.Pattern[str] | None:
        place = self.keys.get("spared_by")
        return self._compile(place, place.text()) if place else None

    def _antipatterns(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        if "antipatterns" not in self.keys:
            return ()
        return tuple(
            (place.text(), self._compile(place, place.text()))
            for place in self.keys["antipatterns"].items()
        )

    def _fix(self) -> Fix | None:
        if "fix" not in self.keys:
            return None
        entry = self.keys["fix"].mapping(("op",), ("with", "pairs"))
        op = entry["op"].choice(("replace", "delete", "squeeze", "mask"))
        pairs = entry["pairs"].plain() if "pairs" in entry else {}
        text = entry["with"].text() if "with" in entry else ""
        if op == "replace" and not text and not pairs:
            raise self.keys["fix"].wrong("`with` or `pairs` beside op replace")
        return Fix(op, text, pairs)

    def _examples(
        self, key: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> tuple[Example, ...]:
        place = self.keys[key]
        examples = []
        for item in place.items():
            entry = item.mapping(required, (*optional, *_EXAMPLE))
            known = {
                name: entry[name].text()
                for name in ("speaker", "turn", "context", "fixed")
                if name in entry
            }
            given = entry["facts"].plain() if "facts" in entry else {}
            span = entry["span"].text() if "span" in entry else ""
            examples.append(Example(entry["text"].text(), item.line, span, facts=given, **known))
        if len(examples) < _FEWEST:
            raise place.wrong(f"at least {_FEWEST} examples")
        return tuple(examples)
