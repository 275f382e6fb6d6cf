"""The fast reading of training files gives what Rasa's own reading gives, and refuses what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.rasa

FILE = '''version: "3.1"
nlu:
- intent: fault_broadband
  examples:
  - text: "我住[幸福路12号](address)，网断了"
    metadata: {urgency: major, situation: fault_broadband-900, register: plain}
  - text: "没网: 啥情况?"
- intent: greet
  examples: |
    - 你好
    - 在吗
- synonym: 光猫
  examples: |
    - 小盒子
- lookup: place
  examples: |
    - 幸福路
'''


def read(folder: Path, text: str, *, fast: bool) -> object:
    from rasa.shared.importers.rasa import RasaFileImporter

    from bot.nlu.importer import FastFileImporter

    (folder / "nlu.yml").write_text(text, encoding="utf-8")
    reader = FastFileImporter if fast else RasaFileImporter
    return reader(training_data_paths=[str(folder / "nlu.yml")]).get_nlu_data()


def test_both_readings_agree(tmp_path: Path) -> None:
    ours, theirs = read(tmp_path, FILE, fast=True), read(tmp_path, FILE, fast=False)

    assert [m.data for m in ours.training_examples] == [m.data for m in theirs.training_examples]
    assert len(ours.training_examples) == 4
    assert ours.entity_synonyms == theirs.entity_synonyms != {}
    assert ours.lookup_tables == theirs.lookup_tables != []
    assert ours.fingerprint() == theirs.fingerprint()


@pytest.mark.parametrize(
    "text",
    ["version: '3.1'\nnlu:\n- intent: [a\n", "version: '3.1'\nnlu:\n- intent: greet\n  examples: 7\n"],
    ids=["no YAML", "not the form"],
)
def test_a_wrong_file_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    from rasa.shared.exceptions import YamlException

    with pytest.raises(YamlException, match=r"nlu\.yml"):
        read(tmp_path, text, fast=True)
    with pytest.raises(YamlException, match=r"nlu\.yml"):
        read(tmp_path, text, fast=False)
