"""Urgency classifier 紧急程度组件: adds `urgency` to every message, beside its intent.

Trained on the examples that carry an urgency, over the features the type classifier uses; the
signals of the handbook may raise the result, never lower it. `signals` and `nearest` say why.
"""

from __future__ import annotations

import json
import logging
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
from bot.handbook.signal_table import SIGNALS_FILE, load_signals
from bot.handbook.urgency import Signal, raise_urgency, signals
from bot.nlu.message_features import example_mark, features_of, is_payload
from bot.nlu.nearest import Nearest
from bot.nlu.sources import fingerprint
from bot.nlu.urgency_model import LEVELS, UrgencyModel, UrgencySettings, fit_urgency

logger = logging.getLogger(__name__)
_HELPERS = (
    "bot.nlu.urgency_model",
    "bot.nlu.linear",
    "bot.nlu.hidden",
    "bot.nlu.message_features",
    "bot.nlu.nearest",
    "bot.handbook.urgency",
    "bot.handbook.facts",
    "bot.handbook.signal_table",
)


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
        """Return the settings of the model and how many nearest examples are named."""
        chosen = UrgencySettings()
        names = UrgencySettings.__dataclass_fields__
        return {"nearest": 3, **{name: getattr(chosen, name) for name in names}}

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
        """Load the trained component."""
        with model_storage.read_from(resource) as folder:
            if not (folder / "urgency.json").exists():
                return cls(config, model_storage, resource)
            model, nearest = UrgencyModel.load(folder), Nearest.load(folder)
        return cls(config, model_storage, resource, model, nearest)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the arithmetic or the table of signals changes."""
        return fingerprint(_HELPERS, [SIGNALS_FILE])

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the model on the examples that carry an urgency."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        marked = [m for m in examples if example_mark(m, "urgency") in LEVELS]
        if len({example_mark(m, "urgency") for m in marked}) < 2:
            logger.warning("fewer than two levels of urgency: signals alone will raise it")
            with self._model_storage.write_to(self._resource) as folder:
                (folder / "untrained.json").write_text(json.dumps({}), encoding="utf-8")
            return self._resource
        settings = UrgencySettings(
            **{name: self._config[name] for name in UrgencySettings.__dataclass_fields__}
        )
        levels = [example_mark(m, "urgency") for m in marked]
        groups = [example_mark(m, "situation") or f"{i}" for i, m in enumerate(marked)]
        features = features_of(marked)
        raised = [raise_urgency(Urgency.GENERAL, signals(m.get(TEXT), self._table)) for m in marked]
        floors = np.array([level.rank for level in raised])
        self._model = fit_urgency(features, levels, groups, floors=floors, settings=settings)
        names = [f"{m.get(INTENT)}/{level}" for m, level in zip(marked, levels, strict=True)]
        self._nearest = Nearest.fit(features, [m.get(TEXT) for m in marked], names)
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
            self._nearest.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `urgency` of each message; a payload (`/intent`) gets none."""
        spoken = [message for message in messages if not is_payload(message)]
        if not spoken:
            return messages
        if self._model is None:
            for message in spoken:
                found = signals(message.get(TEXT), self._table)
                message.set("urgency", _result(np.array([1.0, 0.0, 0.0]), 0, found), True)
            return messages
        features = features_of(spoken)
        chances = self._model.probabilities(features)
        levels = self._model.levels(chances)
        for i, message in enumerate(spoken):
            result = _result(chances[i], int(levels[i]), signals(message.get(TEXT), self._table))
            if self._nearest is not None and self._config["nearest"]:
                row = features.rows(np.array([i])) if len(spoken) > 1 else features
                result["nearest"] = self._nearest.to(row, self._config["nearest"])
            message.set("urgency", result, add_to_output=True)
        return messages


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
