"""The token between desk and Rasa; apart from the channel, which imports Rasa."""

from __future__ import annotations

import hashlib
import hmac


def rasa_token(secret: str) -> str:
    """Return the token that desk and Rasa derive from the installation's secret."""
    return hmac.new(secret.encode(), b"desk-to-rasa", hashlib.sha256).hexdigest()
