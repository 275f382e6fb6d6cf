"""What every adapter must withstand, tried on all of them over simulated platforms."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.adapter import Adapter, Rejected
from bot.channels.inbound import LARGEST_BODY, hook_of
from bot.channels.registry import KINDS
from bot.channels.wechat_kf import WechatKf
from bot.handbook.channels import load_channels
from tests.channels.conftest import BUILDERS, Office, OpenOffice
from tests.channels.simulators.platform import Posted, Simulator

REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"
XML = ["wechat", "wechat plain", "wechat_kf", "wecom"]
NOT_XML = [name for name in BUILDERS if name not in XML]


@pytest.fixture(params=list(BUILDERS))
async def office(request: pytest.FixtureRequest, open_office: OpenOffice) -> Office:
    return await open_office(request.param)


@pytest.fixture(params=[name for name in BUILDERS if name != "mail"])
async def hooked(request: pytest.FixtureRequest, open_office: OpenOffice) -> Office:
    """Open an office with a platform that posts: mail is fetched, and nothing proves who wrote it."""
    return await open_office(request.param)


def only(office: Office) -> Simulator:
    [platform] = office.platforms.values()
    return platform


async def accepted(office: Office, posted: Posted) -> bool:
    """Tell whether the desk acknowledged; a refusal is a `Rejected` and nothing else."""
    try:
        answer = await office.receive(only(office).name, posted)
    except Rejected as refused:
        assert 400 <= refused.status < 500
        return False
    return bool(answer.status == 200 and only(office).is_ack(answer.body.decode()))


def changed(posted: Posted, proof: tuple[str, ...]) -> Posted:
    """Return the request with one character of what proves it changed."""

    def spoil(values: dict[str, str]) -> dict[str, str]:
        return {k: v[:-2] + ("A" if v[-2] != "A" else "B") + v[-1] if k in proof else v for k, v in values.items()}

    assert {*posted.query, *posted.headers} & {*proof}, "name in `proof` what the platform signs with"
    return dataclasses.replace(posted, query=spoil(posted.query), headers=spoil(posted.headers))


async def test_a_request_is_acknowledged_stored_and_answered(office: Office) -> None:
    assert await accepted(office, only(office).message("13900000001", REQUEST))
    await office.deliver()

    [message] = office.messages()
    [sent] = only(office).sent
    assert (message.text, message.state) == (REQUEST, "handled")
    assert "工单" in sent.text and sent.to == "13900000001"


async def test_a_bad_signature_is_refused(hooked: Office) -> None:
    assert not await accepted(hooked, changed(only(hooked).message("c", REQUEST), only(hooked).proof))
    assert hooked.messages() == []


async def test_a_request_without_any_proof_is_refused(hooked: Office) -> None:
    posted = only(hooked).message("c", REQUEST)
    bare = dataclasses.replace(posted, query={}, headers={})

    assert not await accepted(hooked, bare)
    assert hooked.messages() == []


async def test_a_replay_changes_nothing(office: Office) -> None:
    posted = only(office).message("c", REQUEST)
    for _ in range(3):
        assert await accepted(office, posted)
    await office.deliver()

    assert len(office.messages()) == 1
    assert len(only(office).sent) == 1


async def test_an_old_request_is_not_believed(hooked: Office) -> None:
    old = hooked.clock.seconds() - 25 * 3600
    took = await accepted(hooked, only(hooked).message("c", REQUEST, at=old))

    # Without a signed time the platform's own retries end; the message is dropped quietly.
    assert took == (hooked.adapter(only(hooked).name).limits.fresh is None)
    assert hooked.messages() == []


async def test_a_second_request_with_the_same_id_changes_nothing(office: Office) -> None:
    for _ in range(2):
        assert await accepted(office, only(office).message("c", REQUEST, id="1234567"))

    assert len(office.messages()) == 1


async def test_bubbles_that_overtook_each_other_are_read_in_order(office: Office) -> None:
    office.clock.pass_(seconds=10)
    now, platform = office.clock.seconds(), only(office)
    later, earlier = (platform.message("c", text, at=at) for text, at in (("上不了网了", now), ("我家宽带从昨天起", now - 4)))
    for posted in (later, earlier):
        await office.take(platform.name, posted)
    await office.quiet()

    said = {m.text: m for m in office.messages()}
    assert said["我家宽带从昨天起"].created_at < said["上不了网了"].created_at
    assert all(m.state == "handled" for m in said.values())


MALFORMED = [
    b"", b"{", b"[]", b"null", b"1", b'"text"', b"<xml>", b"<xml></xml>", b"{}", b"\x00" * 50,
    b"\xff\xfe\x00", b"<xml><Encrypt></Encrypt></xml>", b'{"encrypt": 5}', b'{"encrypt": "AAAA"}',
    "<xml><FromUserName>谁</FromUserName></xml>".encode("gbk"), b'{"message": []}',
    b'{"update_id": 1, "message": {"chat": {"id": 1, "type": "private"}, "text": 5}}',
    b'{"msgId": "1", "senderStaffId": "a", "createAt": "soon", "msgtype": "text", "text": []}',
    b'{"header": {"event_type": "im.message.receive_v1"}, "event": {"message": "x"}}',
    b'{"id": "1", "from": "2", "text": "3", "time": 1e400}', b"[" * 30_000,
    b"<a>" * 5_000, b'<?xml version="1.0" encoding="no-such"?><xml/>',
]


@pytest.mark.parametrize("sealed", [False, True])
async def test_what_is_malformed_is_refused_and_harms_nothing(office: Office, sealed: bool) -> None:
    platform = only(office)
    for raw in MALFORMED:
        posted = platform.sealed(raw) if sealed else dataclasses.replace(platform.message("c", "x"), body=raw)
        await accepted(office, posted)

    known = {"x"} if platform.name in {"wechat_kf", "mail"} else set()
    assert {message.text for message in office.messages()} <= known
    assert await accepted(office, platform.message("c", REQUEST))


@pytest.fixture(scope="module")
def adapters() -> dict[str, tuple[Adapter, Simulator]]:
    tables, found = load_channels(), {}
    for name, build in BUILDERS.items():
        simulator = build(lambda: 1_772_413_200.0)
        entry = {**simulator.entry()}
        kind = entry.pop("platform")
        found[name] = (KINDS[kind](id=kind, limits=tables.platforms[kind], **entry), simulator)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=st.binary(max_size=300), name=st.sampled_from(list(BUILDERS)))
def test_any_bytes_are_read_or_refused(
    adapters: dict[str, tuple[Adapter, Simulator]], raw: bytes, name: str
) -> None:
    from datetime import datetime, timezone

    adapter, simulator = adapters[name]
    now = datetime.fromtimestamp(1_772_413_200, timezone.utc)
    for posted in (simulator.sealed(raw), Posted({}, {}, raw)):
        try:
            adapter.read(posted.as_hook(), now=now)
        except Rejected as refused:
            assert 400 <= refused.status < 500


def test_a_huge_body_is_refused_before_it_is_read() -> None:
    request: Any = SimpleNamespace(body=b"x" * (LARGEST_BODY + 1))
    with pytest.raises(Rejected) as refused:
        hook_of(request)
    assert refused.value.status == 413


async def test_a_long_text_is_kept_as_far_as_the_desk_reads(office: Office) -> None:
    assert await accepted(office, only(office).message("c", "断网" * 10_000))

    [message] = office.messages()
    assert len(message.text) == office.desk.settings.message_limit


ODD = ["表情😀和\U0002b820", "零\u200b宽", "右\u202e到左", "换\n行\t制表", "<b>&amp;]]</b>"]


@pytest.mark.parametrize("text", ODD)
async def test_odd_characters_arrive_as_they_are(office: Office, text: str) -> None:
    assert await accepted(office, only(office).message("c", text))
    assert [message.text.strip() for message in office.messages()] == [text]


async def test_half_a_character_and_nul_do_not_stop_the_desk(open_office: OpenOffice) -> None:
    office = await open_office("telegram")
    raw = json.dumps(
        {"update_id": 7, "message": {"date": office.clock.seconds() // 1, "text": "断网\ud83d\x00了", "chat": {"id": 1, "type": "private"}}}
    ).encode()

    assert await accepted(office, only(office).sealed(raw))
    assert [message.text for message in office.messages()] == ["断网?了"]


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>
<xml><FromUserName>c</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><MsgId>1</MsgId><Content>&d;</Content></xml>"""
FILE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<xml><FromUserName>c</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><MsgId>1</MsgId><Content>&f;</Content></xml>"""


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("raw", [LAUGHS, FILE], ids=["expansion", "external"])
async def test_entities_are_refused(open_office: OpenOffice, name: str, raw: bytes) -> None:
    office = await open_office(name)

    assert not await accepted(office, only(office).sealed(raw))
    assert not await accepted(office, dataclasses.replace(only(office).message("c", "x"), body=raw))


def server_error() -> web.Response:
    return web.Response(status=502, text="<html>Bad Gateway</html>")


async def test_a_platform_that_fails_is_tried_again_until_the_answer_arrives(office: Office) -> None:
    platform = only(office)
    platform.faults.extend([server_error] * 3)
    await office.receive(platform.name, platform.message("13900000001", REQUEST))
    for _ in range(6):
        await office.deliver()
        office.clock.pass_(seconds=20)

    assert len(platform.sent) == 1
    assert [d.state for d in office.deliveries()] == ["sent"]


async def test_a_platform_that_limits_us_gets_nothing_more_until_it_wants(office: Office) -> None:
    platform = only(office)
    platform.faults.append(platform.busy)
    await office.receive(platform.name, platform.message("13900000001", REQUEST))
    await office.deliver()
    assert platform.sent == []

    office.clock.pass_(seconds=90)
    await office.deliver()
    assert len(platform.sent) == 1


async def test_a_platform_that_stays_down_is_given_up_and_the_message_says_so(office: Office) -> None:
    platform = only(office)
    platform.faults.extend([server_error] * 30)
    await office.receive(platform.name, platform.message("13900000001", REQUEST))
    for _ in range(14):
        await office.deliver()
        office.clock.pass_(minutes=6)

    assert platform.sent == []
    assert [d.state for d in office.deliveries()] == ["failed"]
    assert [m.state for m in office.messages("out")] == ["failed"]


def test_every_adapter_has_its_limits_in_the_table() -> None:
    tables = load_channels()
    assert set(KINDS) <= set(tables.platforms)
    assert all(tables.platforms[name].basis for name in KINDS)
    assert WechatKf in KINDS.values()
