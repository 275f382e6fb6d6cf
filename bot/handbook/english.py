"""Chapter 2.3: who writes English (英文来话) is told once how the desk answers; a person is never far."""

from __future__ import annotations

import re

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
# Common words that are no syllables of pinyin, and what people report to an operator.
_COMMON = frozenset(
    ["a", "about", "again", "all", "am", "and", "any", "are", "aren't", "at", "bad", "because", "been", "before", "broken", "but", "bill", "by", "call", "calling", "can", "can't", "cannot", "card", "change", "charge", "charged", "china", "chinese", "connect", "connected", "connection", "could", "customer", "data", "day", "days", "dead", "didn't", "do", "does", "doesn't", "don't", "down", "english", "excuse", "fast", "fix", "fixed", "foreigner", "for", "from", "get", "give", "got", "had", "has", "have", "haven't", "hello", "help", "here", "hi", "home", "hotel", "how", "hours", "i", "i'd", "i'll", "i'm", "i've", "internet", "is", "isn't", "it", "it's", "just", "know", "lost", "mobile", "money", "month", "more", "my", "need", "network", "new", "no", "not", "now", "number", "of", "off", "on", "one", "online", "only", "or", "order", "outage", "over", "package", "pay", "phone", "plan", "please", "problem", "put", "register", "repair", "reset", "right", "router", "send", "service", "should", "signal", "since", "slow", "some", "someone", "speak", "stopped", "talk", "thank", "thanks", "that", "the", "there", "they", "this", "to", "today", "token", "tomorrow", "top", "turn", "use", "very", "want", "was", "we", "week", "what", "when", "where", "which", "who", "why", "wifi", "will", "with", "won't", "work", "working", "works", "would", "wrong", "yes", "yesterday", "you", "your"]
)
_PERSON = (
    r"(?:human(?:\s+being)?|person|people|agent|operator|representative|rep|staff|someone|somebody|advisor"
    r"|customer\s+(?:service|care|support)|support)"
)
_ALONE = r"(?:(?:please|hi|hello|ok|no|just|need|want|get|call)\s+)*(?:(?:a|an|real|live|human|actual)\s+)*"
_ASKED = (
    r"(?:.*\b)?(?:talk|speak|chat|connect|transfer|put|switch|get|want|need|give|call|like)\b.{0,24}?"
    r"\b(?:a|an|some|real|live|human|english|to|with|me)\s+"
    r"(?:(?:a|an|real|live|human|english(?:[\s-]speaking)?)\s+)*"
)
_PERSON_WANTED = re.compile(
    rf"(?:{_ALONE}|{_ASKED}){_PERSON}(?:\s+(?:please|now|plz|pls|instead|here|who\b.*))*", re.IGNORECASE
)
_CLAUSE = re.compile(r"[,.!?;\n]+")
_LEAST_WORDS, _LEAST_SHARE = 2, 0.5


def is_english(text: str) -> bool:
    """Tell whether a message is plainly English: not a brand, not pinyin, not a word among Chinese."""
    if _CHINESE.search(text):
        return False
    words = _WORD.findall(text.lower())
    known = sum(word.replace("’", "'") in _COMMON for word in words)
    plain = known >= _LEAST_WORDS and known >= _LEAST_SHARE * len(words)
    return plain or " ".join(words) in {"hello", "help", "english"} or wants_person(text)


def wants_person(text: str) -> bool:
    """Tell whether English words ask for a person: agent, human, talk to a person."""
    if _CHINESE.search(text):
        return False
    clauses = (" ".join(clause.split()) for clause in _CLAUSE.split(text))
    return any(_PERSON_WANTED.fullmatch(clause) for clause in clauses)
