"""Type classifier 类型分类组件: the intent of a message, with calibrated confidence.

The arithmetic is in `bot.nlu.request_model`; this is its place in Rasa's graph. The model tells
the urgency as well, which `bot.nlu.urgency` takes from the message.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.handbook.signal_table import SIGNALS_FILE
from bot.nlu import tuned_vectors
from bot.nlu.message_features import (
    example_mark,
    features_of,
    hear_urgency,
    is_payload,
    signal_floors,
)
from bot.nlu.request_model import RequestModel, RequestSettings, fit_requests
from bot.nlu.sources import fingerprint
from bot.settings import load_settings

logger = logging.getLogger(__name__)
_HELPERS = (
    "bot.nlu.request_model",
    "bot.nlu.urgency_model",
    "bot.nlu.linear",
    "bot.nlu.hidden",
    "bot.nlu.second_reading",
    "bot.nlu.tuned_vectors",
    "bot.nlu.encoder_engine",
    "bot.nlu.encoder_file",
    "bot.nlu.sentence_vectors",
    "bot.nlu.plain_text",
    "bot.nlu.message_features",
    "bot.handbook.urgency",
    "bot.handbook.facts",
    "bot.handbook.signal_table",
)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class RequestTypeClassifier(IntentClassifier, GraphComponent):
    """Choose one request type per message, and say what was heard of its urgency."""

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
        """Return the settings of the model and the length of the ranking."""
        chosen = RequestSettings()
        names = RequestSettings.__dataclass_fields__
        told = {name: getattr(chosen, name) for name in names}
        return {"ranking_length": 10, "second_reading": True, **told}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: RequestModel | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RequestTypeClassifier:
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
    ) -> RequestTypeClassifier:
        """Load the trained component."""
        with model_storage.read_from(resource) as folder:
            model = RequestModel.load(folder)
        if model.second is not None:
            # The first question takes longer; a customer must not wait for it.
            tuned_vectors.encode(["预热"])
        return cls(config, model_storage, resource, model)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the arithmetic, the table of signals or the tuned encoder changes."""
        tuned = tuned_vectors.mark() if cls._wanted(config) else "none"
        return f"{tuned} {fingerprint(_HELPERS, [SIGNALS_FILE])}"

    @staticmethod
    def _wanted(config: dict[str, Any]) -> bool:
        return bool(config.get("second_reading", True)) and load_settings().embeddings

    def _reads_twice(self) -> bool:
        if not self._wanted(self._config):
            return False
        if not tuned_vectors.available():
            logger.warning("without the tuned encoder nothing is read twice: extra 'embeddings', AVX2")
        return tuned_vectors.available()

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the model on all examples that have an intent and a text."""
        examples = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        if len({m.get(INTENT) for m in examples}) < 2:
            logger.warning("fewer than two intents: the type classifier is not trained")
            return self._resource
        settings = RequestSettings(
            **{name: self._config[name] for name in RequestSettings.__dataclass_fields__}
        )
        # A sentence without a situation stands for itself.
        groups = [example_mark(m, "situation") or f"{i}" for i, m in enumerate(examples)]
        levels = [example_mark(m, "urgency") for m in examples]
        self._model = fit_requests(
            features_of(examples), [m.get(INTENT) for m in examples], groups,
            levels=levels, floors=signal_floors(m.get(TEXT) for m in examples), settings=settings,
            texts=[m.get(TEXT) for m in examples] if self._reads_twice() else (),
        )  # fmt: skip
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `intent` and `intent_ranking` of each message."""
        model = self._model
        spoken = [m for m in messages if model is not None and not is_payload(m)]
        if model is not None and spoken:
            types, levels = model.read(features_of(spoken), [m.get(TEXT) for m in spoken])
            for message, row in zip(spoken, types, strict=True):
                best = np.argsort(-row)[: self._config["ranking_length"]]
                ranking = [{"name": model.labels[i], "confidence": float(row[i])} for i in best]
                message.set(INTENT, ranking[0], add_to_output=True)
                message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
            if levels is not None and model.urgency is not None:
                hear_urgency(spoken, levels, model.urgency.levels(levels))
        for message in messages:
            if message.get(INTENT) is None:
                message.set(INTENT, {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set(INTENT_RANKING_KEY, [], add_to_output=True)
        return messages
