"""Signatures and encryption of WeChat and WeCom callbacks (消息加解密); pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.channels.adapter import Rejected

BLOCK = 32


def signature(*parts: str) -> str:
    """Return the SHA-1 over the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def check_signature(given: str, *parts: str) -> None:
    """Raise `Rejected` unless the signature is that of the parts."""
    if not hmac.compare_digest(signature(*parts).encode(), given.encode()):
        raise Rejected("签名不正确")


def key_of(aes_key: str) -> bytes:
    """Return the 32 bytes behind the 43 characters of an EncodingAESKey; raise `ValueError`."""
    try:
        key = base64.b64decode(aes_key + "=", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(aes_key) != 43 or len(key) != 32:
        raise ValueError("aes_key: expected the 43 characters of an EncodingAESKey")
    return key


def decrypt(encrypted: str, *, key: bytes, receiver: str) -> bytes:
    """Return the message inside; raise `Rejected` when it is damaged or for somebody else."""
    try:
        data = base64.b64decode(encrypted, validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
    except (binascii.Error, ValueError):
        raise Rejected("密文无法解密", status=400) from None
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= BLOCK or len(plain) < 20 + padding:
        raise Rejected("密文填充不正确", status=400)
    content = plain[16:-padding]
    (length,) = struct.unpack(">I", content[:4])
    message, owner = content[4 : 4 + length], content[4 + length :]
    if len(message) != length or not hmac.compare_digest(owner, receiver.encode()):
        raise Rejected("消息的接收方不是本应用")
    return message


def encrypt(message: bytes, *, key: bytes, receiver: str, noise: bytes | None = None) -> str:
    """Return a message encrypted as the platform does."""
    noise = os.urandom(16) if noise is None else noise
    plain = noise + struct.pack(">I", len(message)) + message + receiver.encode()
    padding = BLOCK - len(plain) % BLOCK
    plain += bytes([padding]) * padding
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
