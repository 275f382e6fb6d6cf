"""Sparse featurizer 字词特征组件: puts the n-grams of `bot.nlu.ngrams` into Rasa's graph."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.ngrams import Ngrams, NgramSettings
from bot.nlu.sources import fingerprint

_HELPERS = ("bot.nlu.ngrams", "bot.nlu.plain_text")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class NgramFeaturizer(SparseFeaturizer, GraphComponent):
    """Add one sparse row of character and sound n-grams to each message."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the settings of the n-grams."""
        chosen = NgramSettings()
        return {
            **SparseFeaturizer.get_default_config(),
            "longest": chosen.longest,
            "longest_sound": chosen.longest_sound,
            "least_seen": chosen.least_seen,
            "sound_weight": chosen.sound_weight,
            "fillers": chosen.fillers,
        }

    @staticmethod
    def required_packages() -> list[str]:
        """Name the packages whose version matters."""
        return ["pypinyin", "opencc"]

    def __init__(
        self,
        config: dict[str, Any],
        name: str,
        model_storage: ModelStorage,
        resource: Resource,
        ngrams: Ngrams | None = None,
    ) -> None:
        super().__init__(name, config)
        self._model_storage = model_storage
        self._resource = resource
        self._ngrams = ngrams

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> NgramFeaturizer:
        """Create the component before training."""
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> NgramFeaturizer:
        """Load the trained component."""
        with model_storage.read_from(resource) as folder:
            ngrams = Ngrams.load(folder)
        return cls(config, execution_context.node_name, model_storage, resource, ngrams)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Accept any settings; `NgramSettings` refuses unknown ones."""

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the arithmetic beside this class changes."""
        return fingerprint(_HELPERS)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the vocabulary."""
        names = ("longest", "longest_sound", "least_seen", "sound_weight", "fillers")
        settings = NgramSettings(**{name: self._config[name] for name in names})
        texts = [m.get(TEXT) for m in training_data.intent_examples if m.get(TEXT)]
        self._ngrams = Ngrams.fit(texts, settings)
        with self._model_storage.write_to(self._resource) as folder:
            self._ngrams.save(folder)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add features to all training messages."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add features to each message that has a text."""
        if self._ngrams is None:
            return messages
        spoken = [message for message in messages if message.get(TEXT)]
        matrix = self._ngrams.matrix([message.get(TEXT) for message in spoken])
        for i, message in enumerate(spoken):
            row = Features(matrix[i], FEATURE_TYPE_SENTENCE, TEXT, self._identifier)
            message.add_features(row)
        return messages
