"""Settings (运行参数): one table of name, default and help; the only reader of the environment.

Every setting is an environment variable `INTAKE_<NAME>`; `intake settings` prints this table.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TABLE: tuple[tuple[str, str, str], ...] = (
    ("HOME", str(ROOT / "var"), "folder of the database, secrets, logs and uploads"),
    ("PORT", "8000", "port of the desk: customer page, console and API"),
    ("HOST", "0.0.0.0", "address the desk listens on"),  # noqa: S104 - a server's default
    ("DATABASE_URL", "", "SQLAlchemy URL; empty: SQLite file desk.db under HOME"),
    ("REDIS_URL", "", "Redis for Rasa's lock store with several Rasa workers; empty: none"),
    ("RASA_URL", "http://127.0.0.1:5005", "Rasa server"),
    ("ACTIONS_URL", "http://127.0.0.1:5055", "Rasa action server"),
    ("RASA_TIMEOUT", "8", "seconds after which a turn is served without Rasa"),
    ("BURST_WAIT", "0.4", "seconds to wait for further bubbles before a turn starts"),
    ("MESSAGE_LIMIT", "5000", "longest customer message in characters"),
    ("MESSAGES_PER_MINUTE", "30", "customer messages per conversation and minute"),
    ("SESSIONS_PER_MINUTE", "60", "new customer sessions per address and minute"),
    ("SESSION_DAYS", "30", "days a customer's session token stays valid"),
    ("ADMIN_PASSWORD", "", "first administrator's password; empty: generated and printed once"),
    ("SECRET", "", "key that signs tokens; empty: generated once into HOME/secret"),
    ("BRAND", "", "operator whose numbers and links are official: mobile, unicom, telecom, broadcast; empty: all"),
    ("OPERATOR_NAME", "通信服务中心", "operator's name on the customer page"),
    ("HOTLINE", "", "operator's hotline shown where a phone way out is named"),
    ("EMBEDDINGS", "on", "sentence encoders in training (general and tuned): on or off"),
    ("CLOCK_SECONDS", "1", "seconds between two sweeps of the clock; 0: none in the desk (see intake clock)"),
    ("PUBLIC_URL", "", "address customers and staff use, for links in notices"),
    ("WEBHOOK_URL", "", "address that receives notices as signed HTTP posts; empty: none"),
    ("WEBHOOK_SECRET", "", "key that signs webhook notices"),
    ("SMTP_URL", "", "smtp://user:password@host:port/?from=address for mail notices; empty: none"),
    ("CHANNELS_FILE", "", "YAML file that connects messengers, SMS and mail; empty: none"),
    ("NOTICE_MAIL", "", "who receives mail notices: leader/billing=a@x, duty_manager=b@x, c@x for all others"),
    ("WIDGET_ORIGINS", "", "origins whose pages may embed the widget, comma separated"),
    ("HAND_OVER_SECRET", "", "key by which a host site signs who its user is; empty: none"),
    ("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR"),
)


@dataclass(frozen=True)
class Settings:
    """Hold the values of the settings table, typed."""

    home: Path
    port: int
    host: str
    database_url: str
    redis_url: str
    rasa_url: str
    actions_url: str
    rasa_timeout: float
    burst_wait: float
    message_limit: int
    messages_per_minute: int
    sessions_per_minute: int
    session_days: int
    admin_password: str
    secret: str
    brand: str
    operator_name: str
    hotline: str
    embeddings: bool
    clock_seconds: float
    public_url: str
    webhook_url: str
    webhook_secret: str
    smtp_url: str
    channels_file: str
    widget_origins: str
    hand_over_secret: str
    notice_mail: str
    log_level: str


class SettingError(ValueError):
    """Name the setting whose value cannot be used, and what is expected."""


def _number(name: str, text: str, kind: type) -> float:
    try:
        value = kind(text)
    except ValueError:
        raise SettingError(f"INTAKE_{name}: expected a number, got {text!r}") from None
    if value < 0:
        raise SettingError(f"INTAKE_{name}: expected a number of 0 or more, got {text!r}")
    return value


def raw_settings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return each setting's text, from the environment or its default."""
    environ = os.environ if environ is None else environ
    return {name: environ.get(f"INTAKE_{name}", default) for name, default, _ in TABLE}


def database_url(raw: Mapping[str, str]) -> str:
    """Return the address of the database that the settings' texts name."""
    return raw["DATABASE_URL"] or f"sqlite:///{Path(raw['HOME']) / 'desk.db'}"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment into typed settings; raise `SettingError` on a wrong value."""
    raw = raw_settings(environ)
    home = Path(raw["HOME"])
    values: dict[str, object] = {}
    for name, default, _ in TABLE:
        text = raw[name]
        if name == "HOME":
            values["home"] = home
        elif name == "EMBEDDINGS":
            values["embeddings"] = text.lower() not in {"off", "0", "no", "false"}
        elif name in {"RASA_TIMEOUT", "BURST_WAIT", "CLOCK_SECONDS"}:
            values[name.lower()] = _number(name, text, float)
        elif default.isdigit():
            values[name.lower()] = _number(name, text, int)
        else:
            values[name.lower()] = text
    values["database_url"] = database_url(raw)
    values["secret"] = values["secret"] or stored_secret(home)
    return Settings(**values)  # type: ignore[arg-type]


def stored_secret(home: Path) -> str:
    """Return the installation's signing key, made at first use and readable by its owner only."""
    path = home / "secret"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _settled_secret(path)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
    return _settled_secret(path)


def _settled_secret(path: Path) -> str:
    text = path.read_text().strip()
    if len(text) < 32:
        raise SettingError(
            f"{path}: the signing key is cut short; delete the file to have a new one made"
            " (customers and staff sign in again)"
        )
    return text
