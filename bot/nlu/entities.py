"""Entity extractor 要素抽取组件: puts the facts of `bot.handbook.facts` into Rasa's graph."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.handbook.facts import find_facts
from bot.nlu.sources import fingerprint


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class FactExtractor(GraphComponent, EntityExtractorMixin):
    """Add phone numbers, accounts, addresses, sums and times as entities."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return an empty configuration."""
        return {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> FactExtractor:
        """Create the component."""
        return cls()

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Follow changes of the patterns."""
        return fingerprint(["bot.handbook.facts"])

    def process(self, messages: list[Message]) -> list[Message]:
        """Add entities to each message; a payload (`/intent`) is left alone."""
        for message in messages:
            text = message.get(TEXT) or ""
            if text.startswith("/"):
                continue
            found = [
                {
                    "entity": fact.name,
                    "value": fact.value,
                    "start": fact.start,
                    "end": fact.end,
                    "confidence_entity": 1.0,
                    "extractor": self.name,
                }
                for fact in find_facts(text)
            ]
            message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages
