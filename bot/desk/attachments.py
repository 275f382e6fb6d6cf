"""Chapter 4.4: attachments (附件): pictures and PDF, their type checked by content.

The bytes are files under the installation's folder, named by their hash; the database keeps
who sent what. A file name is cleaned and never used as a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from datetime import datetime
from pathlib import Path

import filetype
from sqlalchemy.orm import Session

from bot.handbook.errors import NotFound, Refusal
from bot.handbook.privacy import mask
from bot.storage.staff import Attachment

ALLOWED = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
}
LONGEST_NAME = 80
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u202a-\u202e\u2066-\u2069]")


class AttachmentRefused(Refusal):
    """Refuse a file that is empty, too large or not a picture or PDF."""

    code = "attachment_refused"


def clean_name(name: str, extension: str) -> str:
    """Return a harmless file name, numbers masked, with the extension that the content has (4.4)."""
    plain = _UNSAFE.sub("", unicodedata.normalize("NFC", name)).strip(" .")
    # No file may be called by an asterisk.
    plain = mask(plain.rsplit(".", 1)[0]).replace("*", "x")
    stem = plain.strip(" .")[:LONGEST_NAME] or "文件"
    return f"{stem}.{extension}"


def media_type_of(content: bytes) -> str:
    """Return the type that the content shows; raise `AttachmentRefused` for any other."""
    kind = filetype.guess(content[:8192])
    if kind is None or kind.mime not in ALLOWED:
        raise AttachmentRefused(
            "只能发送图片（PNG、JPEG、GIF、WebP）或PDF文件", allowed=list(ALLOWED)
        )
    return str(kind.mime)


def file_of(folder: Path, attachment: Attachment) -> Path:
    """Return where the bytes of an attachment are."""
    return folder / attachment.sha256[:2] / attachment.sha256


def store_attachment(
    session: Session,
    folder: Path,
    *,
    name: str,
    content: bytes,
    most: int,
    now: datetime,
    conversation_id: str | None = None,
    ticket_id: int | None = None,
    staff_id: int | None = None,
) -> Attachment:
    """Check and keep a file; the same bytes are kept once."""
    if not content:
        raise AttachmentRefused("文件是空的")
    if len(content) > most:
        raise AttachmentRefused(f"文件最大{most // 1024 // 1024}MB", limit=most, size=len(content))
    media_type = media_type_of(content)
    attachment = Attachment(
        conversation_id=conversation_id,
        ticket_id=ticket_id,
        staff_id=staff_id,
        name=clean_name(name, ALLOWED[media_type]),
        media_type=media_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        created_at=now,
    )
    _write(file_of(folder, attachment), content)
    session.add(attachment)
    session.flush()
    return attachment


def _write(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written aside and moved into place, so that nobody ever reads half a file.
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_bytes(content)
    draft.replace(path)


def find_attachment(session: Session, attachment_id: int) -> Attachment:
    """Return the attachment; raise `NotFound`."""
    attachment = session.get(Attachment, attachment_id)
    if attachment is None:
        raise NotFound("没有这个附件", attachment=attachment_id)
    return attachment
