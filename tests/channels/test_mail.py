"""Mail: read from the cursor on, machines left alone, answers in their thread."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.adapter import Hook, Rejected
from bot.channels.mail import Mail, parse, unquoted
from tests.channels.conftest import Office, OpenOffice
from tests.channels.simulators.mailbox import ADDRESS, Mailbox, running_mailbox

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=timezone.utc)


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with running_mailbox() as box:
        yield box


@pytest.fixture
async def office(open_office: OpenOffice, box: Mailbox) -> Office:
    office = await open_office(extra=[box.entry()])
    # The first look only finds out what is the newest.
    await fetch(office)
    return office


async def fetch(office: Office) -> None:
    adapter: Mail = office.adapter("mail")  # type: ignore[assignment]
    for wish in adapter.wishes():
        await office.post.fetch(adapter, wish)
    await office.quiet()
    await office.deliver()


async def test_a_mail_is_a_request_and_is_answered_in_its_thread(office: Office, box: Mailbox) -> None:
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)

    [answer] = box.sent
    assert office.messages()[0].text == f"宽带报修。{REQUEST}"
    assert (answer["To"], answer["Subject"], answer["In-Reply-To"]) == ("li@example.com", "Re: 宽带报修", "<m1@mail.example>")
    assert "工单" in answer.get_content()


async def test_what_was_read_is_not_read_again(office: Office, box: Mailbox) -> None:
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)
    await fetch(office)
    box.validity = 2
    await fetch(office)

    assert len(office.messages()) == 1


async def test_what_lay_in_the_mailbox_before_the_first_look_is_not_answered(
    open_office: OpenOffice, box: Mailbox
) -> None:
    office = await open_office(extra=[box.entry()])
    for number in range(45):
        box.arrives(f"old{number}@example.com", "宽带报修", REQUEST, id=f"old{number}")
    await fetch(office)
    assert (office.messages(), box.sent) == ([], [])

    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)
    assert [answer["To"] for answer in box.sent] == ["li@example.com"]


async def test_new_numbers_of_the_mailbox_bring_only_the_newest_days_again(
    office: Office, box: Mailbox
) -> None:
    box.arrives("old@example.com", "宽带报修", REQUEST, id="old")
    box.days_ago = {1: 5}
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    box.validity = 2
    await fetch(office)

    assert [answer["To"] for answer in box.sent] == ["li@example.com"]


async def test_many_mails_come_page_by_page(office: Office, box: Mailbox) -> None:
    for number in range(45):
        box.arrives(f"c{number}@example.com", "宽带报修", REQUEST, id=f"m{number}")
    await fetch(office)

    assert len(office.messages()) == 45


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"Auto_Submitted": "auto-generated"}],
)
async def test_machines_are_not_answered(office: Office, box: Mailbox, headers: dict[str, str]) -> None:
    box.arrives("li@example.com", "不在办公室", "我正在休假", id="m1", **headers)
    box.arrives(ADDRESS, "自己", "自己写的", id="m2")
    box.arrives("MAILER-DAEMON@example.com", "退信", "无法投递", id="m3")
    await fetch(office)

    assert (office.messages(), box.sent) == ([], [])


async def test_a_server_that_is_busy_is_tried_again(office: Office, box: Mailbox) -> None:
    box.faults.extend(["451 try later", "421 busy"])
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)
    for _ in range(4):
        office.clock.pass_(seconds=20)
        await office.deliver()

    assert len(box.sent) == 1


async def test_a_refused_address_is_given_up(office: Office, box: Mailbox) -> None:
    box.faults.append("550 no such user")
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)

    assert [d.state for d in office.deliveries()] == ["failed"]


QUOTED = [
    ("已经好了\n\n> 您好，您的工单", "已经好了"),
    ("没好\n\n在 2026年3月2日，客服写道：\n您好", "没好"),
    ("没好\n------------------ 原始邮件 ------------------\n发件人: x", "没好"),
    ("On Mon, Mar 2, 2026 Service wrote:\nhello", ""),
    ("发件人很奇怪", "发件人很奇怪"),
]


@pytest.mark.parametrize(("text", "own"), QUOTED)
def test_quoted_mail_is_left_out(text: str, own: str) -> None:
    assert unquoted(text) == own


def test_html_is_read_as_text() -> None:
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = "li@example.com", "报修", "<1@x>"
    message.set_content("<style>p{}</style><p>宽带断了</p><blockquote>旧</blockquote><script>x()</script>", subtype="html")

    read = parse(message.as_bytes(), ADDRESS, NOW)
    assert read is not None and read.text == "报修。宽带断了"


def test_an_encoding_that_nobody_knows_is_read_as_chinese() -> None:
    raw = b"From: li@example.com\r\nMessage-ID: <1@x>\r\nContent-Type: text/plain; charset=x-unknown\r\n\r\n" + "宽带断了".encode("gb18030")

    read = parse(raw, ADDRESS, NOW)
    assert read is not None and read.text == "宽带断了"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_left_out(raw: bytes) -> None:
    read = parse(raw, ADDRESS, NOW)
    assert read is None or "@" in read.sender


def test_mail_has_no_webhook(office: Office) -> None:
    with pytest.raises(Rejected):
        office.adapter("mail").read(Hook("POST", {}, {}, b""), now=NOW)


async def test_a_server_that_wants_to_be_asked_again_is_asked_again(office: Office, box: Mailbox) -> None:
    box.receivers.append("450 greylisted, try later")
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)
    assert box.sent == []

    office.clock.pass_(minutes=1)
    await office.deliver()
    assert [answer["To"] for answer in box.sent] == ["li@example.com"]


async def test_a_receiver_who_does_not_exist_is_given_up_at_once(office: Office, box: Mailbox) -> None:
    box.receivers.append("550 no such user")
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)

    assert [row.state for row in office.deliveries()] == ["failed"]


def test_a_mail_of_empty_lines_is_read_at_once() -> None:
    began = time.perf_counter()

    assert unquoted("断网了" + "\n" * 100_000 + "完") == "断网了" + "\n" * 100_000 + "完"
    # What looks at every line again from every line takes minutes.
    assert time.perf_counter() - began < 30


async def test_mails_are_read_beside_the_loop(
    office: Office, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def noted(*given: Any) -> Any:
        threads.append(threading.current_thread())
        return parse(*given)

    monkeypatch.setattr("bot.channels.mail.parse", noted)
    box.arrives("li@example.com", "宽带报修", REQUEST, id="m1")
    await fetch(office)

    assert threads and threading.main_thread() not in threads
