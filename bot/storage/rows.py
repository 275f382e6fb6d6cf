"""Every row class, for those who need the whole schema (migrations, tests)."""

from __future__ import annotations

from bot.storage.audit import AuditEntry
from bot.storage.channels import (
    ChannelAccount,
    ChannelCursor,
    ChannelDelivery,
    ChannelToken,
    PhoneCode,
    UsedHandOver,
)
from bot.storage.clock import (
    FaultReport,
    FigureDay,
    Improvement,
    Incident,
    KeptCalendar,
    LadderFiring,
    LateFact,
    Survey,
    TicketClock,
    TicketOutcome,
)
from bot.storage.coach import InboxCursor, InboxGroup, InboxItem, InboxLabel, ModelSwitch
from bot.storage.columns import Base
from bot.storage.conversations import Conversation, Customer, Message, Review, Verdict
from bot.storage.language import LanguageMark, RulesInForce
from bot.storage.notices import Delivery, Notice, NoticeRead
from bot.storage.staff import (
    Approval,
    Attachment,
    ComplaintCase,
    Offer,
    Qualification,
    SavedView,
    SignIn,
    Staff,
    StaffEvent,
    TicketLink,
)
from bot.storage.tickets import Ticket, TicketCounter, TicketEntry

__all__ = [
    "Approval",
    "Attachment",
    "AuditEntry",
    "Base",
    "ChannelAccount",
    "ChannelCursor",
    "ChannelDelivery",
    "ChannelToken",
    "ComplaintCase",
    "Conversation",
    "Customer",
    "Delivery",
    "FaultReport",
    "FigureDay",
    "Improvement",
    "InboxCursor",
    "InboxGroup",
    "InboxItem",
    "InboxLabel",
    "Incident",
    "KeptCalendar",
    "LadderFiring",
    "LanguageMark",
    "LateFact",
    "Message",
    "ModelSwitch",
    "Notice",
    "NoticeRead",
    "Offer",
    "PhoneCode",
    "Qualification",
    "Review",
    "RulesInForce",
    "SavedView",
    "SignIn",
    "Staff",
    "StaffEvent",
    "Survey",
    "Ticket",
    "TicketClock",
    "TicketCounter",
    "TicketEntry",
    "TicketLink",
    "TicketOutcome",
    "UsedHandOver",
    "Verdict",
]
