"""Personal numbers are found by their own check digits, and masked."""

from __future__ import annotations

import pytest

from bot.handbook.privacy import (
    find_secrets,
    is_identity_number,
    mask,
    mask_bank_card,
    mask_identity,
    mask_in_place,
    mask_name,
    mask_phone,
    passes_luhn,
)

# The specimen of GB 11643 and the usual test card; no person and no bank has them.
IDENTITY = "11010519491231002X"
CARD = "4111111111111111"
PHONE = "13800000000"


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        (IDENTITY, True),
        (IDENTITY.lower(), True),
        ("110105194912310021", False),
        ("11010519491331002X", False),
        ("1101051949123100", False),
    ],
)
def test_an_identity_number_has_a_date_and_a_check_character(number: str, valid: bool) -> None:
    assert is_identity_number(number) is valid


def test_a_card_number_passes_luhn() -> None:
    assert passes_luhn(CARD)
    assert not passes_luhn(CARD[:-1] + "2")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (f"电话{PHONE}", ["phone"]),
        ("电话138 0000 0000", ["phone"]),
        ("电话+86-138-0000-0000", ["phone"]),
        ("电话１３８００００００００", ["phone"]),
        ("电话一三八零零零零零零零零", ["phone"]),
        ("电话138****0099", []),
        (f"工单号2026{PHONE}", []),
        (f"证号{IDENTITY}", ["identity"]),
        ("受理编号110105194912310021", []),
        ("身份证号110105194912310021", ["identity"]),
        (f"卡{CARD}", ["bank_card"]),
        (f"订单号{CARD}", []),
        ("ICCID 89860000000000000001", []),
        (f"{PHONE}与{IDENTITY}", ["phone", "identity"]),
        ("没有号码", []),
    ],
)
def test_personal_numbers_are_found(text: str, kinds: list[str]) -> None:
    assert [secret.kind for secret in find_secrets(text)] == kinds


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"请回电{PHONE}，谢谢", "请回电138****0000，谢谢"),
        ("请回电138-0000-0000", "请回电138****0000"),
        (f"证号{IDENTITY}", "证号**************002X"),
        (f"卡{CARD}", "卡************1111"),
        ("固话010-12345678", "固话010-****5678"),
        ("座机07396821234坏了", "座机0739***1234坏了"),
        ("02883221234", "028****1234"),
        ("我电话一三五，幺二三四，零零七八", "我电话一三五****零零七八"),
        ("打135，1234，0078", "打135****0078"),
        ("工单号TK20260605", "工单号TK20260605"),
    ],
)
def test_masking_keeps_only_what_tells_numbers_apart(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_masking_twice_changes_nothing() -> None:
    once = mask(f"{PHONE} {IDENTITY} {CARD}")

    assert mask(once) == once


def test_each_kind_has_its_mask() -> None:
    assert mask_phone(PHONE) == "138****0000"
    assert mask_identity(IDENTITY) == "**************002X"
    assert mask_bank_card(CARD) == "************1111"
    assert mask_name("李某某") == "李**"


def test_passwords_and_codes_are_masked() -> None:
    assert mask("服务密码是123456帮我改成654321") == "服务密码是******帮我改成******"
    assert mask("密码输了3次") == "密码输了3次"


@pytest.mark.parametrize("text", [f"电话{PHONE}", "电话138-0000 0000。", f"证号{IDENTITY[:6]} {IDENTITY[6:]}"])
def test_masking_in_place_keeps_gaps_and_length(text: str) -> None:
    masked = mask_in_place(text)

    assert len(masked) == len(text) and masked != text
    assert all(a == b or b == "*" for a, b in zip(text, masked, strict=True))
