"""The other side of the benchmark: a stock Rasa 3.6 project for the same work.

Default recipe of `rasa init` (sparse features, DIET and TED; jieba in place of the white-space
tokenizer, which cannot cut Chinese), the same intents, a form for address and phone, rules and
stories, the SQL tracker store, and a plain action server that inserts a row.
"""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from tests.load.sample import sentences, write_sample

CONFIG = """\
recipe: default.v1
assistant_id: stock
language: zh
pipeline:
- name: JiebaTokenizer
- name: RegexFeaturizer
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- name: CountVectorsFeaturizer
  analyzer: char_wb
  min_ngram: 1
  max_ngram: 4
- name: DIETClassifier
  epochs: {epochs}
  constrain_similarities: true
- name: EntitySynonymMapper
- name: FallbackClassifier
  threshold: 0.3
  ambiguity_threshold: 0.1
policies:
- name: MemoizationPolicy
- name: RulePolicy
- name: UnexpecTEDIntentPolicy
  max_history: 5
  epochs: {epochs}
- name: TEDPolicy
  max_history: 5
  epochs: {epochs}
  constrain_similarities: true
"""

ACTIONS = '''\
"""A plain action that inserts a row."""
import sqlite3
from rasa_sdk import Action

class ActionOpenTicket(Action):
    def name(self):
        return "action_open_ticket"

    def run(self, dispatcher, tracker, domain):
        with sqlite3.connect("tickets.db") as db:
            db.execute("CREATE TABLE IF NOT EXISTS tickets (id INTEGER PRIMARY KEY, sender TEXT, intent TEXT, address TEXT, phone TEXT)")
            row = db.execute("INSERT INTO tickets (sender, intent, address, phone) VALUES (?, ?, ?, ?)",
                (tracker.sender_id, str(tracker.get_slot("topic")), tracker.get_slot("address"), tracker.get_slot("phone")))
        dispatcher.utter_message(response="utter_opened", number=str(row.lastrowid))
        return []
'''

ENDPOINTS = """\
action_endpoint:
  url: http://127.0.0.1:{actions_port}/webhook
tracker_store:
  type: SQL
  dialect: sqlite
  db: tracker.db
"""


def write_project(folder: Path, *, most: int, epochs: int, actions_port: int) -> int:
    """Write the stock project; return the number of its training sentences."""
    (folder / "actions").mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(CONFIG.format(epochs=epochs))
    (folder / "credentials.yml").write_text("rest:\n")
    (folder / "endpoints.yml").write_text(ENDPOINTS.format(actions_port=actions_port))
    (folder / "actions/__init__.py").write_text("")
    (folder / "actions/tickets.py").write_text(ACTIONS)
    names = list(sentences(most))
    with (folder / "domain.yml").open("w", encoding="utf-8") as file:
        YAML().dump(_domain(names), file)
    with (folder / "rules.yml").open("w", encoding="utf-8") as file:
        YAML().dump(_dialogue(names), file)
    return write_sample(folder / "data", most)


TALK = {"greet", "goodbye", "thanks", "affirm", "deny", "inform", "bot_challenge", "chitchat",
        "out_of_scope", "unclear", "praise", "request_human"}


def _domain(names: list[str]) -> dict[str, object]:
    texts = {
        "utter_ask_address": "请问在哪个地址？", "utter_ask_phone": "请问联系电话是多少？",
        "utter_ask_confirmed": "确认提交吗？", "utter_opened": "已受理，工单号{number}。",
        "utter_hello": "您好，请说。", "utter_default": "请再说一遍。",
    }
    slot = {"type": "text", "influence_conversation": False}

    def from_text(name: str) -> dict[str, object]:
        condition = [{"active_loop": "ticket_form", "requested_slot": name}]
        return {**slot, "mappings": [{"type": "from_text", "conditions": condition}]}

    slots = {name: from_text(name) for name in ("address", "phone", "confirmed")}
    slots["topic"] = {**slot, "mappings": [{"type": "custom"}]}
    return {
        "version": "3.1", "intents": names, "slots": slots,
        "forms": {"ticket_form": {"required_slots": ["address", "phone", "confirmed"]}},
        "actions": ["action_open_ticket"],
        "responses": {name: [{"text": text}] for name, text in texts.items()},
    }


def _dialogue(names: list[str]) -> dict[str, object]:
    requests = [{"intent": name} for name in names if name not in TALK]
    start = [{"or": requests}, {"action": "ticket_form"}, {"active_loop": "ticket_form"}]
    finish = [
        {"action": "ticket_form"}, {"active_loop": None},
        {"slot_was_set": [{"requested_slot": None}]}, {"action": "action_open_ticket"},
    ]
    stories = [
        {"story": f"a ticket for {name}", "steps": [
            {"intent": "greet"}, {"action": "utter_hello"}, {"intent": name},
            {"action": "ticket_form"}, {"active_loop": "ticket_form"}, {"active_loop": None},
            {"action": "action_open_ticket"},
        ]}
        for name in names if name not in TALK
    ]
    return {
        "version": "3.1",
        "rules": [
            {"rule": "start", "steps": start},
            {"rule": "finish", "condition": [{"active_loop": "ticket_form"}], "steps": finish},
            {"rule": "hello", "steps": [{"intent": "greet"}, {"action": "utter_hello"}]},
            {"rule": "fallback", "steps": [{"intent": "nlu_fallback"}, {"action": "utter_default"}]},
        ],
        "stories": stories,
    }
