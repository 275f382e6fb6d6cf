"""Urgency classifier 紧急程度组件: adds `urgency` to every message, beside its intent.

The model that reads the type has heard it; the signals of the handbook may raise the result,
never lower it. `signals` and `nearest`, the examples most alike, say why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.handbook.requests import Urgency
from bot.handbook.signal_table import load_signals
from bot.handbook.urgency import Signal, raise_urgency, signals
from bot.nlu.linear import Features
from bot.nlu.message_features import example_mark, features_of, heard_urgency, is_payload
from bot.nlu.nearest import Nearest
from bot.nlu.sources import fingerprint
from bot.nlu.urgency_model import LEVELS, UrgencyModel

_NOTHING_HEARD = (np.array([1.0, 0.0, 0.0]), 0)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class UrgencyClassifier(GraphComponent):
    """Set `urgency` of each message: name, confidence, ranking, signals, nearest."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Need features before this component."""
        return [Featurizer]

    @staticmethod
    def required_packages() -> list[str]:
        """Name the packages whose version matters."""
        return ["sklearn", "scipy"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return how many nearest examples are named."""
        return {"nearest": 3}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: UrgencyModel | None = None,
        nearest: Nearest | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._nearest = nearest
        self._table = load_signals()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> UrgencyClassifier:
        """Create the component before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> UrgencyClassifier:
        """Load the trained component; an archive of before holds a model of its own."""
        with model_storage.read_from(resource) as folder:
            model = UrgencyModel.load(folder) if (folder / "urgency.json").exists() else None
            nearest = None if (folder / "untrained.json").exists() else Nearest.load(folder)
        return cls(config, model_storage, resource, model, nearest)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the search for examples changes."""
        return fingerprint(("bot.nlu.nearest", "bot.nlu.message_features"))

    def train(self, training_data: TrainingData) -> Resource:
        """Keep the examples that carry an urgency."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        marked = [m for m in examples if example_mark(m, "urgency") in LEVELS]
        with self._model_storage.write_to(self._resource) as folder:
            if not marked:
                (folder / "untrained.json").write_text("{}", encoding="utf-8")
                return self._resource
            names = [f"{m.get(INTENT)}/{example_mark(m, 'urgency')}" for m in marked]
            self._nearest = Nearest.fit(features_of(marked), [m.get(TEXT) for m in marked], names)
            self._nearest.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `urgency` of each message; a payload (`/intent`) gets none."""
        for message in messages:
            if is_payload(message):
                continue
            features = features_of([message])
            chances, level = heard_urgency(message) or self._heard_alone(features)
            result = _result(chances, level, signals(message.get(TEXT), self._table))
            if self._nearest is not None and self._config["nearest"]:
                result["nearest"] = self._nearest.to(features, self._config["nearest"])
            message.set("urgency", result, add_to_output=True)
        return messages

    def _heard_alone(self, features: Features) -> tuple[np.ndarray, int]:
        """Let the model of an archive of before tell; without one, signals alone raise it."""
        if self._model is None:
            return _NOTHING_HEARD
        chances = self._model.chances(features)
        return chances[0], int(self._model.thresholds.levels(chances)[0])


def _result(chances: np.ndarray, level: int, found: list[Signal]) -> dict[str, Any]:
    said = Urgency(LEVELS[level])
    raised = raise_urgency(said, found)
    # A level that a rule of the handbook demands does not borrow the classifier's doubt.
    confidence = float(chances[LEVELS.index(raised.value)]) if raised is said else 1.0
    order = np.argsort(-chances)
    return {
        "name": raised.value,
        "confidence": confidence,
        "ranking": [{"name": LEVELS[i], "confidence": float(chances[i])} for i in order],
        "signals": [
            {
                "id": signal.id,
                "title": signal.title,
                "raises_to": signal.raises_to.value,
                "start": signal.start,
                "end": signal.end,
                "basis": signal.basis,
            }
            for signal in found
        ],
    }
