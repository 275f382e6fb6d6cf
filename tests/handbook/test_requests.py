"""Chapter 1.1: the request types of the shipped table, and the facts they still need."""

from __future__ import annotations

import pytest

from bot.handbook.requests import RequestKind, RequestType, Urgency, missing_facts, wanted_facts
from bot.handbook.tables import load_handbook
from tests.grown import grown_types

HANDBOOK = load_handbook()
KINDS = {
    "fault": "fault_broadband fault_mobile fault_landline fault_tv fault_enterprise",
    "safety": "report_hazard fraud_report",
    "consult": "bill_query usage_query account_query plan_consult contract_query store_info "
    "suggestion",
    "order": "payment invoice suspend_resume plan_change vas_subscribe vas_cancel roaming "
    "new_install relocate close_account port_out transfer_ownership sim_replace real_name "
    "password_reset",
    "complaint": "bill_dispute complaint_service complaint_marketing privacy_complaint",
    "ticket": "ticket_status ticket_urge ticket_cancel ticket_supplement ticket_reopen "
    "rate_service",
    "talk": "praise request_human greet goodbye thanks affirm deny inform bot_challenge "
    "chitchat out_of_scope unclear",
}
FAULT = RequestType(
    "fault", RequestKind.FAULT, "故障", "network", (("address", "account"), ("phone",))
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_has_the_fixed_types_of_each_kind(kind: str) -> None:
    found = {n for n, each in HANDBOOK.types.items() if each.kind.value == kind}
    assert found - grown_types() == set(KINDS[kind].split())


@pytest.mark.parametrize("kind", list(RequestKind))
def test_only_five_kinds_can_open_a_ticket(kind: RequestKind) -> None:
    wanted = {"consult", "order", "fault", "complaint", "safety"}
    assert kind.is_request is (kind.value in wanted)


def test_every_request_type_has_a_team_and_no_other_type_has_one() -> None:
    for each in HANDBOOK.types.values():
        assert (each.team in HANDBOOK.teams) is each.kind.is_request


def test_urgencies_and_kinds_have_chinese_names() -> None:
    assert [urgency.label for urgency in Urgency] == ["一般", "重大", "紧急"]
    assert len({kind.label for kind in RequestKind}) == len(RequestKind)


def test_urgent_outranks_major_and_major_outranks_general() -> None:
    assert Urgency.URGENT.rank > Urgency.MAJOR.rank > Urgency.GENERAL.rank


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({}, ["address", "phone"]),
        ({"address": "3栋"}, ["phone"]),
        ({"account": "kd****01"}, ["phone"]),
        ({"phone": "138****0099"}, ["address"]),
        ({"account": "kd****01", "phone": "138****0099"}, []),
        ({"address": "", "phone": None}, ["address", "phone"]),
        ({"address": "  ", "phone": "138****0099"}, ["address"]),
        ({"address": "3栋", "phone": 0}, []),
        ({"unrelated": "x"}, ["address", "phone"]),
    ],
)
def test_one_fact_of_each_group_is_enough(facts: dict[str, object], missing: list[str]) -> None:
    assert missing_facts(FAULT, facts) == missing


def test_a_type_without_needs_misses_nothing() -> None:
    assert missing_facts(HANDBOOK.types["suggestion"], {}) == []


def test_every_fact_that_meets_a_need_is_wanted() -> None:
    assert wanted_facts(FAULT) == {"address", "account", "phone"}
    assert wanted_facts(HANDBOOK.types["suggestion"]) == set()
