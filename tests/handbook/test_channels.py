"""Chapters 1.5 and 3.4: quota, merging and splitting of what goes out on a platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.handbook.channels import (
    TABLE,
    Window,
    closes_at,
    load_channels,
    merged_count,
    opened,
    pieces,
    room,
)
from bot.handbook.errors import TableError

TABLES = load_channels()
WECHAT = TABLES.platforms["wechat"]
TELEGRAM = TABLES.platforms["telegram"]
NOW = datetime.fromisoformat("2026-03-02T09:00:00+08:00")


@pytest.mark.parametrize(
    ("event", "used", "after", "chatter", "outcome"),
    [
        (None, 0, timedelta(0), 0, 0),
        ("message", 0, timedelta(0), 4, 5),
        ("message", 4, timedelta(hours=1), 0, 1),
        ("message", 5, timedelta(hours=1), 0, 0),
        ("message", 0, timedelta(hours=48), 0, 0),
        ("click", 0, timedelta(seconds=59), 2, 3),
        ("click", 0, timedelta(seconds=60), 0, 0),
    ],
)
def test_one_message_is_kept_for_the_outcome(
    event: str | None, used: int, after: timedelta, chatter: int, outcome: int
) -> None:
    window = Window(event, NOW if event else None, used)

    assert room(WECHAT, window, outcome=False, now=NOW + after) == chatter
    assert room(WECHAT, window, outcome=True, now=NOW + after) == outcome


def test_without_a_quota_there_is_always_room() -> None:
    assert room(TELEGRAM, Window(None, None, 0), outcome=False, now=NOW) is None


def test_a_message_opens_the_window_again() -> None:
    assert opened(WECHAT, Window("message", NOW, 5), "message", NOW) == Window("message", NOW, 0)


def test_a_click_does_not_shrink_the_window_of_a_message() -> None:
    window = Window("message", NOW, 1)

    assert opened(WECHAT, window, "click", NOW + timedelta(hours=1)) == window


def test_a_click_opens_a_window_that_has_been_used_up() -> None:
    later = NOW + timedelta(hours=1)

    assert opened(WECHAT, Window("message", NOW, 5), "click", later) == Window("click", later, 0)


def test_a_window_ends_after_48_hours() -> None:
    assert closes_at(WECHAT, Window("message", NOW, 0)) == NOW + timedelta(hours=48)
    assert closes_at(WECHAT, Window(None, None, 0)) is None


@pytest.mark.parametrize("text", ["您好。" * 900, "好" * 3000, "a" * 5000, "短", ""])
def test_pieces_lose_nothing_and_all_fit(text: str) -> None:
    parts = pieces(text, WECHAT)

    assert "".join(parts) == text
    assert all(WECHAT.fits(part) for part in parts)


def test_a_text_is_split_after_a_sentence() -> None:
    parts = pieces("第一句话在这里。" * 100, replace(WECHAT, text_bytes=100))

    assert all(part.endswith("。") for part in parts)


def test_texts_are_joined_only_where_messages_are_counted() -> None:
    texts = ["一", "二", "三"]

    assert merged_count(texts, WECHAT) == 3
    assert merged_count(texts, TELEGRAM) == 1
    assert merged_count(["好" * 600, "好" * 600], WECHAT) == 1


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("reserve: 1", "reserve: 5", "reserve"),
        ("event: message", "event: massage", "event"),
        ("ways_out: [template, sms]", "ways_out: [pigeon]", "ways_out"),
        ("ack_s: 5", "ack_s: soon", "ack_s"),
        ("title: 网页", "titel: 网页", "title"),
    ],
)
def test_a_wrong_table_stops_the_start(tmp_path: Path, old: str, new: str, key: str) -> None:
    path = tmp_path / "channels.yml"
    path.write_text(TABLE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    with pytest.raises(TableError) as caught:
        load_channels(path)
    assert caught.value.key == key


def test_what_channels_say_passes_the_language_check(make_texts: Callable[[], list[str]]) -> None:
    from bot.handbook.language.checker import load_checker

    checker = load_checker(verify=False)
    verdicts = {text: checker.check(text, speaker="bot").as_json()["verdict"] for text in make_texts()}
    assert [text for text, verdict in verdicts.items() if verdict == "block"] == []


@pytest.fixture
def make_texts() -> Callable[[], list[str]]:
    values = {
        "number": "1", "title": "宽带故障", "minutes": "5", "phone": "138****0099", "left": "3",
        "channel": "微信客服", "label": "幸福小区", "code": "135790",
    }
    # The text with the code goes by SMS alone and is not a reply.
    return lambda: [t.format(**values) for name, t in TABLES.said.items() if name != "code"]
