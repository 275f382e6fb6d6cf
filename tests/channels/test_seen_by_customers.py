"""What a customer's page is told of the person behind a reply, of the response and of pictures."""

from __future__ import annotations

import httpx
import pytest

from bot.channels.web.sessions import new_token
from tests.console.conftest import LocalDesk, local  # noqa: F401 - the fixture serves a desk
from tests.console.test_conversations import GOOD, png


@pytest.fixture
def served(local: LocalDesk) -> tuple[httpx.Client, httpx.Client, str]:  # noqa: F811
    """Return a customer, the person who holds their conversation, and its id."""
    staff = local.person("staff", "billing", title="李敏")
    id_ = local.waiting()
    assert staff.post(f"/conversations/{id_}/claim").is_success
    token = new_token(local.desk.settings.secret, id_)
    customer = httpx.Client(
        base_url=f"{local.url}/api/v1", headers={"Authorization": f"Bearer {token}"}
    )
    local.clients.append(customer)
    return customer, staff, id_


def test_a_reply_and_its_conversation_name_the_person(
    served: tuple[httpx.Client, httpx.Client, str],
) -> None:
    customer, staff, id_ = served
    staff.post(f"/conversations/{id_}/reply", json={"text": GOOD})
    shown = customer.get("/messages").json()["data"]

    assert "李敏" == shown["conversation"]["holder_name"]
    assert ("staff", "李敏") == (shown["messages"][-1]["author"], shown["messages"][-1]["author_name"])
    assert "author_name" not in shown["messages"][0]


def test_after_the_hand_back_nobody_is_named(
    served: tuple[httpx.Client, httpx.Client, str],
) -> None:
    customer, staff, id_ = served
    staff.post(f"/conversations/{id_}/hand-back")

    assert "holder_name" not in customer.get("/messages").json()["data"]["conversation"]


def test_a_ticket_says_when_a_person_first_responded(
    local: LocalDesk,  # noqa: F811
    served: tuple[httpx.Client, httpx.Client, str],
) -> None:
    customer, staff, id_ = served
    number = local.ticket(id_, "bill_dispute")
    before = customer.get(f"/tickets/{number}").json()["data"]
    staff.post(f"/conversations/{id_}/reply", json={"text": GOOD})
    after = customer.get(f"/tickets/{number}").json()["data"]

    assert (None, True) == (before["responded_at"], after["responded_at"] <= after["respond_by"])


def test_a_picture_of_staff_has_an_address_that_the_customer_can_open(
    served: tuple[httpx.Client, httpx.Client, str],
) -> None:
    customer, staff, id_ = served
    staff.post(f"/conversations/{id_}/attachments", files={"file": ("光猫.png", png())})
    sent = customer.get("/messages").json()["data"]["messages"][-1]["attachment"]

    assert ("image/png", png()) == (
        sent["media_type"],
        httpx.get(f"{str(customer.base_url).removesuffix('/api/v1/')}{sent['url']}").content,
    )
