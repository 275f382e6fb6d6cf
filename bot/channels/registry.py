"""Which channels there are (渠道登记): the platforms, and those that the channels' file connects."""

from __future__ import annotations

from sanic import Blueprint
from sqlalchemy.orm import sessionmaker

from bot.channels.adapter import Adapter
from bot.channels.configuration import load_adapters, load_chats
from bot.channels.dingtalk import Dingtalk
from bot.channels.feishu import Feishu
from bot.channels.inbound import channel_blueprint
from bot.channels.mail import Mail
from bot.channels.sms import Sms
from bot.channels.staff_cards import SendBy, StaffCards
from bot.channels.staff_chat import StaffChats
from bot.channels.telegram import Telegram
from bot.channels.web.embedding import widget
from bot.channels.web.hand_over import hand_over
from bot.channels.web.pictures import pictures
from bot.channels.wechat import Wechat
from bot.channels.wechat_kf import WechatKf
from bot.channels.wecom import Wecom
from bot.desk.outbox import Sender
from bot.handbook.channels import load_channels
from bot.settings import Settings

KINDS: dict[str, type] = {
    "dingtalk": Dingtalk,
    "feishu": Feishu,
    "mail": Mail,
    "sms": Sms,
    "telegram": Telegram,
    "wechat": Wechat,
    "wechat_kf": WechatKf,
    "wecom": Wecom,
}


def adapters_of(settings: Settings) -> dict[str, Adapter]:
    """Return the connected channels by id."""
    return load_adapters(settings.channels_file, KINDS, load_channels())


def staff_chats(
    settings: Settings, then: Sender | None, *, sessions: sessionmaker, send_by: SendBy
) -> Sender | None:
    """Return the sender of webhook notices: to staff as cards, to their groups, and on to `then`."""
    chats, adapters = load_chats(settings.channels_file), adapters_of(settings)
    if chats:
        then = StaffChats(chats, settings.public_url, then)
    if any(getattr(each, "staff", {}) for each in adapters.values()):
        return StaffCards(sessions, adapters, settings.public_url, send_by, then)
    return then


def blueprints(settings: Settings) -> list[Blueprint]:
    """Return the routes of all channels; their workers start and stop with the server."""
    tables = load_channels()
    return [
        channel_blueprint(adapters_of(settings), tables), pictures(tables), hand_over(tables), widget(),
    ]
