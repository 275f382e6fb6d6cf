"""English is told from brands and pinyin, and a person wanted from one spoken of."""

from __future__ import annotations

import pytest

from bot.handbook.english import is_english, wants_person


@pytest.mark.parametrize(
    "text",
    [
        "My internet is down", "no signal", "hello", "How much is my bill this month?", "I lost my SIM card",
        "Internet not working since yesterday, Room 302 Sunshine Garden, 13800001234", "agent",
        "the router has a red light", "thank you",
    ],
)
def test_english_is_told(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "wifi", "IPTV", "5G VoLTE", "ok", "hi", "yes", "wo jia wang duan le", "ni hao", "13800001234", "QQ",
        "iPhone 15 Pro Max", "netflix", "wifi is down了", "我的internet is down", "", "T20260302-000001",
        "Room 501, Building 7, Happiness Road",
    ],
)
def test_brands_pinyin_and_mixed_words_are_not_english(text: str) -> None:
    assert not is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "agent", "Agent!", "human", "human please", "operator", "talk to a person", "representative",
        "I want to speak to a real person", "can you put me through to an agent", "need agent",
        "Can I talk to someone who speaks English?", "No one came. I want an operator.", "hello, agent please",
        "please transfer me to customer service", "get me an English speaking agent",
    ],
)
def test_a_person_is_wanted(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "my agent overcharged me", "the staff was rude to me", "please call me", "I want to know who called me",
        "I want my money back, the operator charged me twice", "change the operator name on my bill",
        "I need help from customer service", "what is the number of your support", "hello", "agent没人",
    ],
)
def test_a_person_spoken_of_is_not_wanted(text: str) -> None:
    assert not wants_person(text)
