"""Certificates as people store them: PEM text, or PKCS#12 in base64 (as Key Vault holds its certificates)."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from shared.core.errors import RefusedError

_BEGIN = "-----BEGIN "


def certificate_bytes(text: str, where: str) -> bytes:
    """What azure-identity takes: PEM, or PKCS#12. Raises RefusedError for anything else."""
    text = text.strip().replace("\\n", "\n")  # app settings often keep line ends as two characters
    if text.startswith(_BEGIN):
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(where, "neither PEM text nor base64") from error


def not_after(data: bytes, password: str | None, where: str) -> datetime:
    """When the certificate's time is over. Raises RefusedError when it cannot be read, or has no private key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    secret = password.encode() if password else None
    try:
        if data.startswith(_BEGIN.encode()):
            load_pem_private_key(data, secret)
            return x509.load_pem_x509_certificate(data).not_valid_after_utc
        key, certificate, _ = pkcs12.load_key_and_certificates(data, secret)
    except (ValueError, TypeError) as error:
        raise _bad(where, f"cannot be read as PEM or PKCS#12 with its key{_about_password(password)}") from error
    if key is None or certificate is None:
        raise _bad(where, "lacks the certificate or its private key")
    return certificate.not_valid_after_utc


def _about_password(password: str | None) -> str:
    return " and that password" if password else ", without a password"


def _bad(where: str, why: str) -> RefusedError:
    remedy = "It must hold the certificate and its private key: PEM text, or PKCS#12 in base64."
    return RefusedError("unauthorized", f"The certificate in {where} {why}. {remedy}")
