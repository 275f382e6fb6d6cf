"""Addresses of files (附件地址): signed, so that who has one may fetch it and nobody can guess one."""

from __future__ import annotations

from itsdangerous import URLSafeTimedSerializer

# The console serves and checks these addresses under the same salt.
SALT = "attachment"


def file_address(attachment_id: int, *, secret: str) -> str:
    """Return the path under which a kept file is fetched."""
    return f"/api/v1/files/{URLSafeTimedSerializer(secret, salt=SALT).dumps(attachment_id)}"
