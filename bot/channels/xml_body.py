"""XML bodies (XML 消息体): read flat, without entities, external parts or endless nesting."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bot.channels.adapter import Rejected

DEEPEST = 12


def fields(body: bytes) -> dict[str, str]:
    """Return the texts of the root's children by tag; nested ones as `Parent/Child`."""
    try:
        root = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        # Also DTDs, entities and encodings that do not exist: none of them is a platform's.
        raise Rejected("消息体不是合法的 XML", status=400) from None
    found: dict[str, str] = {}
    _collect(root, "", 0, found)
    return found


def _collect(element: Element, path: str, depth: int, found: dict[str, str]) -> None:
    if depth > DEEPEST:
        raise Rejected("消息体嵌套过深", status=400)
    for child in element:
        name = f"{path}{child.tag}"
        found[name] = (child.text or "").strip() if len(child) else child.text or ""
        _collect(child, f"{name}/", depth + 1, found)
