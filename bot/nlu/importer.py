"""Training files 训练语料读取: Rasa's own importer, reading the sentences with the parser in C.

Rasa reads every file of sentences three times with a parser in Python, and each time once more
for the schema: two minutes for 24,000 sentences, half of a training once. The readers, the schema
and what they complain about are Rasa's; only the parser is another.
"""

from __future__ import annotations

import logging
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pykwalify.core import Core
from pykwalify.errors import SchemaError
from rasa.shared.exceptions import YamlSyntaxException
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.formats import rasa_yaml
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils import io, validation
from rasa.shared.utils.common import cached_method


class FastFileImporter(RasaFileImporter):
    """Rasa's importer of files, with `FastReader` for the sentences, which are read once."""

    @cached_method
    def get_nlu_data(self, language: str | None = "zh") -> TrainingData:
        """Read all files of sentences; raise Rasa's errors, each with its file."""
        return TrainingData().merge(*(FastReader().read(file) for file in self._nlu_files))


class FastReader(rasa_yaml.RasaYAMLReader):
    """Rasa's reader of sentences over what libyaml has parsed."""

    def reads(self, string: str, **_: Any) -> TrainingData:
        """Read the sentences of one file, checked against Rasa's schema."""
        try:
            content = yaml.load(string, Loader=yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise YamlSyntaxException(self.filename, underlying_yaml_exception=error) from error
        self._check(content)
        if not validation.validate_training_data_format_version(content, self.filename):
            return TrainingData()
        self._parse_nlu(content.get(rasa_yaml.KEY_NLU))
        return TrainingData(
            self.training_examples,
            self.entity_synonyms,
            self.regex_features,
            self.lookup_tables,
            content.get(rasa_yaml.KEY_RESPONSES) or {},
        )

    def _check(self, content: Any) -> None:
        package = Path(str(files("rasa")))
        names = rasa_yaml.NLU_SCHEMA_FILE, validation.RESPONSES_SCHEMA_FILE
        sentences, responses = (io.read_yaml_file(package / name) for name in names)
        extensions = [str(package / validation.SCHEMA_EXTENSIONS_FILE)]
        logging.getLogger("pykwalify").setLevel(logging.CRITICAL)
        core = Core(
            source_data=content, schema_data={**sentences, **responses}, extensions=extensions
        )
        try:
            core.validate()
        except SchemaError as error:
            raise validation.YamlValidationException(
                "the file does not have the form of Rasa's sentences",
                core.errors,
                self.filename,
            ) from error
