"""A second opinion, 第二意见: what no list of wordings sees, judged by a small model, as a hint.

Sarcasm and threats between the lines have no fixed words. A linear model over character n-grams
tells bad sentences from fine ones; it learns from `data/language/opinion/<family>.txt`, from the
examples of the rules and from the fine replies beside them. It adds at most one warning
`OPN-<family>`, never blocks, and is never asked on the bot's way to the customer. Sentence
vectors were tried and made it worse: they see the topic, which is the same in both, and not the
tone. The model is fitted when it is first needed, in seconds, and kept as plain arrays under a
fingerprint of what it was fitted from.
"""

from __future__ import annotations

import hashlib
import logging
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Thread

import numpy as np

from bot.handbook.language.checker import TABLES, load_checker
from bot.handbook.language.finding import HEARD, Finding, Level
from bot.handbook.language.kinds import LanguageRule
from bot.nlu import linear, ngrams
from bot.nlu.linear import Features, Penalty, Weights, balance, fit, folds, softmax
from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.settings import ROOT, load_settings

logger = logging.getLogger(__name__)
DATA = ROOT / "data" / "language" / "opinion"
FINE = "fine"
# Of the fine sentences it learns from, half of which are look-alikes; of the fine replies of the
# labelled sets it warns of 0.4 to 2.5 % that the rules leave alone.
FALSE_ALARMS = 0.04
_FOLDS = 3
_NAMING = "naming_"
_SETTINGS = NgramSettings(longest=3, longest_sound=0, least_seen=2)
_PENALTY = Penalty(sparse=3e-5, dense=3e-5, rounds=30)
_SENTENCE = re.compile(r"[^。！？!?；;\n]+")
# Form, facts and privacy have exact rules; tone and intent are what a model can add to.
_OF_TONE = re.compile(r"FBD|PRM|VAG|CPL|DIS|FRD|EXG|RSP|JRG|ACK-03|PRV-0[469]|GRT-0[67]")
TITLES = {
    "ACK": "否定情绪", "CPL": "投诉应对不当", "DIS": "歧视侮辱", "EXG": "夸大与强推",
    "FBD": "服务忌语", "FRD": "诈骗式话术", "GRT": "收尾失当", "JRG": "用语不专业", "PRM": "承诺越权",
    "PRV": "隐私", "RSP": "称呼不敬", "VAG": "含糊",
    "absolute_claim": "绝对化用语", "asks_secret": "索要密码", "blame_customer": "责怪客户",
    "block_escalation": "阻止投诉升级", "buck_passing": "推诿", "casual": "过于随便",
    "casual_tone": "过于随便", "command": "命令口气", "dare_complain": "激将投诉",
    "deny_human": "拒绝人工", "discrimination": "歧视", "dismissive": "轻视",
    "disparage_rival": "贬低同行", "exaggeration": "夸大", "flat_refusal": "生硬拒绝",
    "fraud_pattern": "诈骗式话术", "hard_sell": "强推", "impatience": "不耐烦", "insult": "辱骂",
    "internal_info": "内部信息", "interrogation": "质问", "intimate_address": "称呼过于亲昵",
    "jargon": "行话", "liability_admission": "擅自认责", "misleading_claim": "误导",
    "mixed_english": "夹杂英文", "must_tone": "强制口气", "negates_emotion": "否定情绪",
    "no_answer": "没有回答问题", "no_next_step": "没有下一步", "overpromise": "过度承诺",
    "porting_obstruction": "阻挠携转", "private_deal": "私下交易", "rating_and_goodbye": "收尾失当",
    "refusal_no_alternative": "拒绝而无出路", "refusal_unknown": "一推不知", "sarcasm": "讽刺",
    "soft_unknown": "一推不知", "third_party": "向他人透露信息",
    "third_party_disclosure": "向他人透露信息", "threat": "威胁", "unauthorized_comp": "擅自赔偿",
    "unilateral_decision": "擅自决定", "upsell_in_complaint": "投诉中推销", "vague": "含糊",
    "vague_amount": "金额含糊", "vague_answer": "含糊", "vague_time": "时间含糊",
    "you_not_nin": "称呼不敬",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinion:
    """A fitted model, and the confidence from which it is worth telling anybody.

    `weights` tell bad from fine, `naming` tells the families of bad ones apart.
    """

    families: tuple[str, ...]
    grams: Ngrams
    weights: Weights
    naming: Weights
    threshold: float

    def classify(self, text: str) -> tuple[str, float]:
        """Name the family that a text most looks like, with the confidence that it is so."""
        family, confidence, _, _ = self._loudest(text)
        return family, confidence

    def finding(self, text: str) -> Finding | None:
        """Give a warning on the loudest sentence, or nothing below the threshold."""
        family, confidence, start, end = self._loudest(text)
        if family == FINE or confidence < self.threshold:
            return None
        return Finding(
            rule=f"{HEARD}{family}",
            level=Level.WARN,
            start=start,
            end=end,
            matched=text[start:end],
            message=f"第二意见：这句话读起来像“{TITLES.get(family, family)}”（把握{confidence:.0%}），请再读一遍。",
            suggestion="",
            basis="企业内部标准",
            report=family,
            overridable=True,
        )

    def _loudest(self, text: str) -> tuple[str, float, int, int]:
        spans = [match.span() for match in _SENTENCE.finditer(text) if match[0].strip()]
        if not spans:
            return FINE, 1.0, 0, len(text)
        # The whole reply is heard beside its sentences; a sentence is what gets marked.
        features = _features(self.grams, [*(text[a:b] for a, b in spans), text])
        bad = softmax(self.weights.scores(features))[:, 1]
        at, confidence = int(np.argmax(bad[:-1])), float(bad.max())
        if confidence < 0.5:
            return FINE, 1 - confidence, *spans[at]
        likely = self.naming.scores(features.rows(np.array([at])))
        return self.families[int(np.argmax(likely))], confidence, *spans[at]


def _features(grams: Ngrams, texts: list[str]) -> Features:
    return Features(grams.matrix(texts), np.zeros((len(texts), 0), np.float32))


_FINE_REPLIES = "fine_replies.txt"


def read_sentences(
    folder: Path = DATA, tables: Path | None = TABLES
) -> tuple[list[str], list[str]]:
    """Read the sentences of every family, the examples of the rules, and the family of each."""
    pairs = [
        (line.strip(), path.stem)
        for path in sorted(folder.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    if tables is not None:
        for rule in load_checker(tables, verify=False).rules:
            pairs += _examples(rule)
        lines = (tables / _FINE_REPLIES).read_text(encoding="utf-8").splitlines()
        pairs += [
            (line.rpartition("\t")[2], FINE) for line in lines if line and not line.startswith("#")
        ]
    return [text for text, _ in pairs], [family for _, family in pairs]


def _examples(rule: LanguageRule) -> list[tuple[str, str]]:
    family = rule.group if rule.report == rule.id else rule.report
    counts = {level.value for level in rule.levels.values()} != {"suggest"}
    is_bad = rule.kind == "pattern" and counts and _OF_TONE.match(rule.id)
    bad = [(each.text, family) for each in rule.bad] if is_bad else []
    return [*bad, *((each.text, FINE) for each in rule.good)]


@dataclass(frozen=True, slots=True)
class Trial:
    """How bad each sentence was held to be by a model that had not read it."""

    wanted: tuple[str, ...]
    confidences: tuple[float, ...]

    def threshold(self, false_alarms: float = FALSE_ALARMS) -> float:
        """Find the lowest confidence at which few enough fine sentences are warned of."""
        loud = sorted(self._of(FINE), reverse=True)
        allowed = int(len(loud) * false_alarms)
        return max(loud[allowed] + 1e-6, 0.5) if len(loud) > allowed else 0.5

    def false_alarms(self, threshold: float) -> float:
        """Give the share of fine sentences that would be warned of."""
        fine = self._of(FINE)
        return sum(each >= threshold for each in fine) / len(fine)

    def recall(self, threshold: float) -> float:
        """Give the share of bad sentences that would be warned of, under whatever name."""
        bad = [c for name in set(self.wanted) - {FINE} for c in self._of(name)]
        return sum(each >= threshold for each in bad) / len(bad)

    def _of(self, wanted: str) -> list[float]:
        pairs = zip(self.wanted, self.confidences, strict=True)
        return [confidence for name, confidence in pairs if name == wanted]


def cross_validate(texts: list[str], families: list[str]) -> Trial:
    """Judge every sentence by a model fitted on the other folds."""
    labels = _is_bad(families)
    confidences = np.zeros(len(texts))
    for kept, held in folds(labels, texts, _FOLDS):
        grams, weights = _fitted([texts[i] for i in kept], labels[kept])
        scores = weights.scores(_features(grams, [texts[i] for i in held]))
        confidences[held] = softmax(scores)[:, 1]
    return Trial(tuple(families), tuple(float(each) for each in confidences))


def train(texts: list[str], families: list[str]) -> Opinion:
    """Fit a model on all sentences; its threshold comes from cross-validation."""
    names = tuple(sorted(set(families) - {FINE}))
    threshold = cross_validate(texts, families).threshold()
    grams, weights = _fitted(texts, _is_bad(families))
    bad = [
        (text, names.index(name))
        for text, name in zip(texts, families, strict=True)
        if name != FINE
    ]
    naming = _fit(grams, [text for text, _ in bad], np.array([at for _, at in bad]), len(names))
    return Opinion(names, grams, weights, naming, threshold)


def _is_bad(families: list[str]) -> np.ndarray:
    return np.array([int(name != FINE) for name in families])


def _fitted(texts: list[str], labels: np.ndarray) -> tuple[Ngrams, Weights]:
    grams = Ngrams.fit(texts, _SETTINGS)
    return grams, _fit(grams, texts, labels, 2)


def _fit(grams: Ngrams, texts: list[str], labels: np.ndarray, classes: int) -> Weights:
    weight = balance(labels, classes, 0.5)
    return fit(_features(grams, texts), labels, classes, weight=weight, penalty=_PENALTY)


def save(opinion: Opinion, path: Path) -> None:
    """Write a model as arrays, without pickle; a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half.npz")
    np.savez_compressed(
        half,
        families=np.array(opinion.families),
        grams=np.array(sorted(opinion.grams.index, key=opinion.grams.index.__getitem__)),
        rarity=opinion.grams.rarity,
        **opinion.weights.arrays(),
        **{f"{_NAMING}{name}": part for name, part in opinion.naming.arrays().items()},
        threshold=np.float64(opinion.threshold),
    )
    half.replace(path)


def load(path: Path) -> Opinion:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        index = {str(gram): at for at, gram in enumerate(stored["grams"])}
        return Opinion(
            families=tuple(str(name) for name in stored["families"]),
            grams=Ngrams(index, stored["rarity"], _SETTINGS),
            weights=Weights.of(stored),
            naming=Weights.of(
                {
                    name.removeprefix(_NAMING): stored[name]
                    for name in stored
                    if name.startswith(_NAMING)
                }
            ),
            threshold=float(stored["threshold"]),
        )


def fingerprint(folder: Path = DATA, tables: Path | None = TABLES) -> str:
    """Tell one set of sentences and code from another."""
    digest = hashlib.sha256()
    code = [Path(str(each)) for each in (__file__, linear.__file__, ngrams.__file__)]
    lists = [*tables.glob("*.yml"), tables / _FINE_REPLIES] if tables else []
    for path in (*sorted(folder.glob("*.txt")), *sorted(lists), *code):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def stored_at(home: Path, folder: Path = DATA, tables: Path | None = TABLES) -> Path:
    """Return where the model that belongs to these sentences is kept."""
    return home / "opinion" / f"{fingerprint(folder, tables)}.npz"


@lru_cache(maxsize=2)
def load_opinion(
    folder: Path = DATA, home: Path | None = None, tables: Path | None = TABLES
) -> Opinion:
    """Load the model that belongs to these sentences; fit it first if there is none yet."""
    place = stored_at(home or load_settings().home, folder, tables)
    if not place.exists():
        save(train(*read_sentences(folder, tables)), place)
    return load(place)


class LateOpinion:
    """The stored second opinion, read beside a desk that serves already; until then it is silent."""

    def __init__(self, home: Path) -> None:
        self._opinion: Opinion | None = None
        self.reading = Thread(target=self._read, args=(home,), daemon=True)
        self.reading.start()

    def finding(self, text: str) -> Finding | None:
        """Give a warning, or nothing."""
        return None if self._opinion is None else self._opinion.finding(text)

    def _read(self, home: Path) -> None:
        try:
            self._opinion = load(stored_at(home))
        except FileNotFoundError:
            logger.warning("no second opinion on what staff write: `make run` would fit it")
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("the second opinion cannot be read: %s", error)


if __name__ == "__main__":
    load_opinion()
