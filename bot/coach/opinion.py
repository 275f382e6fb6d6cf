"""A second opinion, 第二意见: what no list of wordings sees, judged by a small model, as a hint.

Sarcasm and threats between the lines have no fixed words. A linear model over character n-grams
tells bad sentences from fine ones; it learns from `data/language/opinion` and from the examples of
the rules (`tone_lines`). It adds at most one warning `OPN-<family>`, never blocks, and is never
asked on the bot's way to the customer. Where there is an ear (`ear`), it has half of the say. The
model is fitted when the stack starts or `intake lint` needs it first, in a minute or two, and kept
as plain arrays under a fingerprint of what it was fitted from.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Thread

import numpy as np
from scipy.special import expit, logit

from bot.coach import ear as ear_of_staff
from bot.coach import tone_lines
from bot.coach.ear import Ear, open_ear
from bot.coach.tone_lines import DATA, FINE, SENTENCE, TITLES, WARNED, Line, read_lines
from bot.handbook.language.checker import TABLES
from bot.handbook.language.finding import HEARD, Finding, Level
from bot.nlu import encoder_engine, linear, ngrams, tuned_vectors
from bot.nlu.linear import Features, Penalty, Weights, balance, fit, softmax
from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.nlu.tuned_vectors import left_out
from bot.settings import load_settings

logger = logging.getLogger(__name__)
# Of fine lines it did not learn from, half of which are look-alikes, that it warns of: deaf, and with
# an ear. Chosen on `evaluation_dev12` to `dev14`; everyday replies are warned of less often.
FALSE_ALARMS = 0.04
HEARING = 0.02
_CODE = (linear, ngrams, tone_lines, ear_of_staff, encoder_engine, tuned_vectors)
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
_IN_DOUBT = 0.05  # below, the ear is not asked
_NAMING = "naming_"
_SETTINGS = NgramSettings(longest=3, longest_sound=0, least_seen=2)
_PENALTY = Penalty(sparse=3e-5, dense=3e-5, rounds=30)


@dataclass(frozen=True, slots=True)
class Opinion:
    """A fitted model, and the confidence from which it is worth telling anybody.

    `weights` tell bad from fine, `naming` tells the families of bad ones apart. With an ear, the
    confidence is that of both.
    """

    families: tuple[str, ...]
    grams: Ngrams
    weights: Weights
    naming: Weights
    threshold: float
    ear: Ear | None = None

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

    def likeness(self, text: str) -> str:
        """Name the kind of grave reply that a text looks like most, as staff call it."""
        scores = self.naming.scores(_features(self.grams, [text]))[0]
        grave = [at for at, name in enumerate(self.families) if name not in WARNED]
        best = max(grave, key=lambda at: scores[at], default=None)
        return "" if best is None else TITLES.get(self.families[best], self.families[best])

    def _loudest(self, text: str) -> tuple[str, float, int, int]:
        spans = [match.span() for match in SENTENCE.finditer(text) if match[0].strip()]
        if not spans:
            return FINE, 1.0, 0, len(text)
        features = _features(self.grams, [*(text[a:b] for a, b in spans), text])
        bad = softmax(self.weights.scores(features))[:, 1]
        # Only the loudest sentence gets the ear's word: that takes some milliseconds. Without an
        # ear, the whole reply is judged beside its sentences; a sentence is what gets marked.
        at = int(np.argmax(bad[:-1]))
        start, end = spans[at]
        confidence = together(bad[at], text[start:end], self.ear) if self.ear else float(bad.max())
        if confidence < 0.5:
            return FINE, 1 - confidence, start, end
        likely = self.naming.scores(features.rows(np.array([at])))
        return self.families[int(np.argmax(likely))], confidence, start, end


def together(bad: float, text: str, ear: Ear | None) -> float:
    """Return how bad a text is held to be, with the ear's word where there is any doubt."""
    heard = None if ear is None or bad < _IN_DOUBT else ear.bad(text)
    if heard is None:
        return float(bad)
    both = np.clip([bad, heard], 1e-4, 1 - 1e-4)
    return float(expit(logit(both).mean()))


def _features(grams: Ngrams, texts: list[str]) -> Features:
    return Features(grams.matrix(texts), np.zeros((len(texts), 0), np.float32))


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


def trial(lines: Sequence[Line], ear: Ear | None = None) -> Trial:
    """Judge the tenth of lines that no ear was tuned to, by a model of the others."""
    learned = [line for line in lines if not left_out(line.reply)]
    held = [line for line in lines if left_out(line.reply)]
    grams, weights = _fitted([line.text for line in learned], _is_bad(learned))
    bad = softmax(weights.scores(_features(grams, [line.text for line in held])))[:, 1]
    told = (together(each, line.text, ear) for each, line in zip(bad, held, strict=True))
    return Trial(tuple(line.family for line in held), tuple(told))


def train(lines: Sequence[Line], ear: Ear | None = None) -> Opinion:
    """Fit a model on all lines; its threshold comes from a trial."""
    names = tuple(sorted({line.family for line in lines} - {FINE}))
    # The threshold is one of fine lines; an ear takes a minute over the bad ones beside them.
    tried = [line for line in lines if line.family == FINE or not left_out(line.reply)]
    threshold = trial(tried, ear).threshold(FALSE_ALARMS if ear is None else HEARING)
    grams, weights = _fitted([line.text for line in lines], _is_bad(lines))
    bad = [(line.text, names.index(line.family)) for line in lines if line.family != FINE]
    naming = _fit(grams, [text for text, _ in bad], np.array([at for _, at in bad]), len(names))
    return Opinion(names, grams, weights, naming, threshold, ear)


def _is_bad(lines: Sequence[Line]) -> np.ndarray:
    return np.array([int(line.family != FINE) for line in lines])


def _fitted(texts: list[str], labels: np.ndarray) -> tuple[Ngrams, Weights]:
    grams = Ngrams.fit(texts, _SETTINGS)
    return grams, _fit(grams, texts, labels, 2)


def _fit(grams: Ngrams, texts: list[str], labels: np.ndarray, classes: int) -> Weights:
    weight = balance(labels, classes, 0.5)
    return fit(_features(grams, texts), labels, classes, weight=weight, penalty=_PENALTY)


def save(opinion: Opinion, path: Path) -> None:
    """Write a model as arrays, without pickle; a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{os.getpid()}.half.npz")
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


def load(path: Path, ear: Ear | None = None) -> Opinion:
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
            ear=ear,
        )


def fingerprint(
    folder: Path = DATA, tables: Path | None = TABLES, ear: Ear | None = None
) -> str:
    """Tell one set of sentences, code and ear from another."""
    digest = hashlib.sha256(ear.mark.encode() if ear else b"deaf")
    code = [Path(str(each.__file__)) for each in _CODE] + [Path(__file__)]
    lists = [*tables.glob("*.yml"), *tables.glob("*.txt")] if tables else []
    replies = folder.glob("replies/*.tsv")
    for path in (*sorted(folder.glob("*.txt")), *sorted(replies), *sorted(lists), *code):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def stored_at(
    home: Path, folder: Path = DATA, tables: Path | None = TABLES, ear: Ear | None = None
) -> Path:
    """Return where the model that belongs to these sentences is kept."""
    return home / "opinion" / f"{fingerprint(folder, tables, ear)}.npz"


@lru_cache(maxsize=2)
def load_opinion(
    folder: Path = DATA, home: Path | None = None, tables: Path | None = TABLES, *,
    deaf: bool = False,
) -> Opinion:  # fmt: skip
    """Load the model that belongs to these sentences; fit it first if there is none yet."""
    ear = None if deaf else open_ear()
    place = stored_at(home or load_settings().home, folder, tables, ear)
    with suppress(*_UNREADABLE):
        return load(place, ear)
    # Who waits on a terminal is told; on standard output there is nothing but JSON.
    told = "fitting the second opinion, about three minutes, once … (intake lint --no-opinion does without)"
    print(told, file=sys.stderr, flush=True)
    save(train(read_lines(folder, tables), ear), place)
    return load(place, ear)


class LateOpinion:
    """The stored second opinion, read beside a desk that serves already; until then it is silent."""

    def __init__(self, home: Path, ear: Ear | None = None) -> None:
        self._opinion: Opinion | None = None
        self.reading = Thread(target=self._read, args=(home, ear), daemon=True)
        self.reading.start()

    def finding(self, text: str) -> Finding | None:
        """Give a warning, or nothing."""
        return None if self._opinion is None else self._opinion.finding(text)

    def likeness(self, text: str) -> str:
        """Name the kind of grave reply that a text looks like most, or nothing."""
        return "" if self._opinion is None else self._opinion.likeness(text)

    def _read(self, home: Path, ear: Ear | None) -> None:
        try:
            self._opinion = load(stored_at(home, ear=ear), ear)
        except FileNotFoundError:
            logger.warning("no second opinion on what staff write: the next start of the whole stack fits it")
        except _UNREADABLE as error:
            logger.warning("the second opinion cannot be read: %s", error)


def main() -> None:
    """Fit the model that belongs to the present sentences, and remove those of earlier ones."""
    load_opinion()
    place = stored_at(load_settings().home, ear=open_ear())
    for other in place.parent.glob("*.npz"):
        if other != place and ".half" not in other.name:
            other.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
