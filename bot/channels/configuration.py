"""The channels' file (渠道配置): which platforms are connected, with which keys; outside the repository.

A YAML list under `channels` (and one of group robots under `staff_chats`); each entry names its platform and holds that adapter's settings. A
value `{file: /run/secrets/x}` is read from that file.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bot.channels.adapter import Adapter
from bot.channels.staff_chat import StaffChat
from bot.handbook.channels import ChannelTables
from bot.settings import SettingError

_ID = re.compile(r"[a-z_]+(-[a-z0-9]+)?")


def load_adapters(
    path: str, kinds: Mapping[str, type], tables: ChannelTables
) -> dict[str, Adapter]:
    """Return the adapters that the file names, by id; none without a file."""
    found: dict[str, Adapter] = {}
    for number, entry in enumerate(_entries(path, "channels"), start=1):
        adapter = _adapter(f"{path}: entry {number}", entry, kinds, tables)
        if adapter.id in found:
            raise SettingError(f"{path}: entry {number}: the id {adapter.id!r} is used twice")
        found[adapter.id] = adapter
    return found


def load_chats(path: str) -> list[StaffChat]:
    """Return the group robots that the file names under `staff_chats`."""
    found = []
    for number, entry in enumerate(_entries(path, "staff_chats"), start=1):
        where = f"{path}: staff_chats: entry {number}"
        if not isinstance(entry, dict):
            raise SettingError(f"{where}: expected a mapping, got {entry!r}")
        try:
            found.append(StaffChat(**{str(k): _value(where, v) for k, v in entry.items()}))
        except (TypeError, ValueError) as error:
            raise SettingError(f"{where}: {error}") from None
    return found


def _entries(path: str, key: str) -> list[Any]:
    if not path:
        return []
    try:
        data = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SettingError(f"INTAKE_CHANNELS_FILE: {path} cannot be read: {error}") from None
    if not isinstance(data, dict) or set(data) - {"channels", "staff_chats"}:
        raise SettingError(f"INTAKE_CHANNELS_FILE: {path}: expected `channels` and `staff_chats`")
    entries = data.get(key) or []
    if not isinstance(entries, list):
        raise SettingError(f"INTAKE_CHANNELS_FILE: {path}: expected a list under `{key}`")
    return entries


def _adapter(where: str, entry: Any, kinds: Mapping[str, type], tables: ChannelTables) -> Adapter:
    if not isinstance(entry, dict):
        raise SettingError(f"{where}: expected a mapping, got {entry!r}")
    values = {str(key): _value(where, value) for key, value in entry.items()}
    kind = str(values.pop("platform", ""))
    if kind not in kinds:
        raise SettingError(f"{where}: platform: expected one of {', '.join(sorted(kinds))}, got {kind!r}")
    values.setdefault("id", kind)
    if not _ID.fullmatch(str(values["id"])) or values["id"].split("-")[0] != kind:
        raise SettingError(f"{where}: id: expected {kind} or {kind}-name, got {values['id']!r}")
    fields = {f.name: f for f in dataclasses.fields(kinds[kind]) if f.name != "limits"}
    unknown = sorted(set(values) - set(fields))
    missing = sorted(
        name for name, f in fields.items()
        if name not in values and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    )
    if unknown:
        raise SettingError(f"{where}: {unknown[0]}: unknown; known are {', '.join(sorted(fields))}")
    if missing:
        raise SettingError(f"{where}: {missing[0]}: missing")
    try:
        return kinds[kind](limits=tables.platforms[kind], **values)
    except (TypeError, ValueError) as error:
        raise SettingError(f"{where}: {error}") from None


def _value(where: str, value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"file"}:
        try:
            return Path(value["file"]).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"{where}: {error}") from None
    return value
