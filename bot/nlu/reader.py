"""Reading in bulk 批量判读: the trained model without Rasa's graph, for many texts at once.

Opens a model archive, takes out what the components stored there, and does what the graph does,
a batch at a time. A test holds it to the graph's answers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tarsafe import TarSafe

from bot.handbook.requests import Urgency
from bot.handbook.signal_table import load_signals
from bot.handbook.urgency import Signal, SignalRule, raise_urgency, signals
from bot.nlu import sentence_vectors
from bot.nlu.linear import Features
from bot.nlu.ngrams import Ngrams
from bot.nlu.request_model import RequestModel
from bot.nlu.urgency_model import LEVELS, UrgencyModel

BATCH = 512


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model makes of one text; the ranking of types is best first."""

    types: tuple[tuple[str, float], ...]
    urgency: str
    urgency_confidence: float
    urgency_chances: tuple[float, float, float]
    signals: tuple[Signal, ...] = ()

    @property
    def type(self) -> str:
        """Return the likeliest type."""
        return self.types[0][0]

    @property
    def type_confidence(self) -> float:
        """Return the confidence of the likeliest type."""
        return self.types[0][1]


class Reader:
    """A trained model that reads texts in batches."""

    def __init__(
        self,
        ngrams: Ngrams,
        mean: np.ndarray,
        scale: float,
        model: RequestModel,
        urgency: UrgencyModel | None,
        table: Sequence[SignalRule],
    ) -> None:
        self.ngrams = ngrams
        self.mean = mean
        self.scale = scale
        self.model = model
        self.urgency = urgency  # of an archive of before the shared networks
        self.table = table

    @classmethod
    def open(cls, archive: Path) -> Reader:
        """Load the newest model of a folder, or the archive itself."""
        if archive.is_dir():
            models = sorted(archive.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
            if not models:
                raise FileNotFoundError(f"no trained model in {archive}: run `make train`")
            archive = models[-1]
        with tempfile.TemporaryDirectory() as folder, TarSafe.open(archive) as stored:
            stored.extractall(folder)
            return cls.from_folder(Path(folder))

    @classmethod
    def from_folder(cls, folder: Path) -> Reader:
        """Load what the components stored under a folder, wherever it lies there."""

        def holder(name: str) -> Path:
            found = next(folder.rglob(name), None)
            if found is None:
                raise FileNotFoundError(f"the model holds no {name}: train it with config.yml")
            return found.parent

        mean, scale = sentence_vectors.load(holder("sentence.npz"))
        if mean.size and not sentence_vectors.available():
            raise ModuleNotFoundError(
                "the model was trained with sentence vectors: install the 'embeddings' extra"
            )
        model = RequestModel.load(holder("types.json"))
        urgency = UrgencyModel.load(holder("urgency.json")) if model.urgency is None else None
        return cls(Ngrams.load(holder("ngrams.json")), mean, scale, model, urgency, load_signals())

    def features(self, texts: Sequence[str]) -> Features:
        """Return both blocks of features."""
        sparse = self.ngrams.matrix(texts)
        if not self.mean.size:
            return Features(sparse, np.zeros((len(texts), 0), np.float32))
        # More threads cost more than they bring as soon as anything else runs.
        vectors = sentence_vectors.encode(texts, threads=1)
        return Features(sparse, sentence_vectors.centred(vectors, self.mean, scale=self.scale))

    def read(self, texts: Sequence[str], *, ranking: int = 5) -> Iterator[Reading]:
        """Read texts in order, in batches; an empty text is read like any other."""
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            features = self.features(batch)
            types, heard = self.model.read(features, batch)
            chances, levels = self._urgency(features, heard)
            best = np.argsort(-types, axis=1)[:, :ranking]
            for i, text in enumerate(batch):
                names = tuple((self.model.labels[j], float(types[i, j])) for j in best[i])
                yield self._reading(text, names, chances[i], int(levels[i]))

    def _urgency(
        self, features: Features, heard: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.urgency is not None:
            chances = self.urgency.chances(features)
            return chances, self.urgency.thresholds.levels(chances)
        if heard is None or self.model.urgency is None:
            raise ValueError("the model tells no urgency: train it with config.yml")
        return heard, self.model.urgency.levels(heard)

    def _reading(
        self, text: str, types: tuple[tuple[str, float], ...], chances: np.ndarray, level: int
    ) -> Reading:
        found = tuple(signals(text, self.table))
        said = Urgency(LEVELS[level])
        raised = raise_urgency(said, found)
        sure = 1.0 if raised is not said else float(chances[level])
        general, major, urgent = (float(chance) for chance in chances)
        return Reading(types, raised.value, sure, (general, major, urgent), found)
