"""Chapters 2.1 and 4.4: roles (角色) and permissions (权限).

Figures: `data/handbook/roles.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.handbook.errors import Refusal


class Forbidden(Refusal):
    """Refuse what the role or the team does not allow, and name the missing permission."""

    code = "forbidden"


class SignInRefused(Refusal):
    """Refuse a sign-in without telling whether the name exists."""

    code = "sign_in_refused"


class AccountLocked(Refusal):
    """Say that too many sign-ins failed, and when to try again."""

    code = "account_locked"


class NotSignedIn(Refusal):
    """Ask for a sign-in: none yet, ended, or expired."""

    code = "unauthorized"


class PasswordChangeNeeded(Refusal):
    """Ask for a password of one's own before anything else."""

    code = "password_change_required"


class WeakPassword(Refusal):
    """Refuse a password that is short, known or the name itself."""

    code = "weak_password"


@dataclass(frozen=True)
class Role:
    """Hold one role: what it may do, and whether in its own teams only."""

    id: str
    title: str
    sees_all: bool
    may: frozenset[str]


@dataclass(frozen=True)
class SignInLimits:
    """Hold how long a sign-in lasts and how many failures lock an account."""

    idle_for: timedelta
    absolute_for: timedelta
    failures: int
    lock_for: timedelta
    shortest_password: int
    per_minute: int


@dataclass(frozen=True)
class Access:
    """Hold the table of roles."""

    permissions: Mapping[str, str]
    roles: Mapping[str, Role]
    sign_in: SignInLimits


_KNOWN = frozenset(
    {"1234567890", "12345678910", "password123", "qwertyuiop", "admin123456", "1111111111"}
)


def check_password(password: str, *, name: str, limits: SignInLimits) -> None:
    """Raise `WeakPassword` for a password that would be guessed."""
    if len(password) < limits.shortest_password:
        raise WeakPassword(f"密码至少{limits.shortest_password}位", least=limits.shortest_password)
    if len(password) > 200:
        raise WeakPassword("密码最长200位", most=200)
    if password.lower() in _KNOWN or len(set(password)) < 5 or name.lower() in password.lower():
        raise WeakPassword("密码过于简单：不能包含账号名，不能是常见密码或少数字符的重复")
