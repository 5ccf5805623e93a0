"""Assertions in place of a client secret: signed with a certificate, or a trusted identity's token."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from local.simulated_azure.entra import Application

Problem = tuple[int, str]  # the AADSTS number, and its words


def assertion_problem(app: Application, assertion: str, now: datetime) -> Problem | None:
    """Why the assertion does not prove the application; None when it does."""
    audience, _, expiry = assertion.rpartition("|")
    if audience and expiry.isdecimal():  # a managed identity's token here
        return _vouched(app, audience, int(expiry), now)
    return _signed(app, assertion, now)


def _vouched(app: Application, audience: str, expiry: int, now: datetime) -> Problem | None:
    if app.vouched_audience is None:
        return 70021, "No matching federated identity record found for presented assertion."
    if audience != app.vouched_audience:
        return 700212, "No matching federated identity record found for presented assertion audience."
    return (700024, "Client assertion is not within its valid time range.") if expiry <= now.timestamp() else None


def _signed(app: Application, assertion: str, now: datetime) -> Problem | None:
    import jwt
    from cryptography import x509

    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.InvalidTokenError:
        return 50027, "JWT token is invalid or malformed."
    if app.certificate_pem is None:
        return 700027, "The certificate used to sign the client assertion is not registered on application."
    certificate = x509.load_pem_x509_certificate(app.certificate_pem)
    shown = {str(header.get("x5t", "")).rstrip("="), str(header.get("x5t#S256", "")).rstrip("=")}
    if not shown & {_thumbprint(certificate, "sha1"), _thumbprint(certificate, "sha256")}:
        return 700027, "The certificate used to sign the client assertion is not registered on application."
    if certificate.not_valid_after_utc <= now:
        return 700027, "Client assertion contains an invalid signature. [Reason - The key used is expired.]"
    try:
        claims = jwt.decode(
            assertion,
            certificate.public_key(),  # type: ignore[arg-type]
            algorithms=["RS256", "PS256"],
            options={"verify_aud": False, "require": ["exp", "iss", "sub", "aud"]},
        )
    except jwt.InvalidTokenError:
        return 700027, "Client assertion contains an invalid signature."
    good = claims["iss"] == claims["sub"] == app.client_id and str(claims["aud"]).endswith("/oauth2/v2.0/token")
    return None if good else (700023, "Client assertion audience claim does not match.")


def _thumbprint(certificate: Certificate, kind: str) -> str:
    from cryptography.hazmat.primitives import hashes

    algorithm = hashes.SHA1() if kind == "sha1" else hashes.SHA256()  # noqa: S303 - a name, no signature
    return base64.urlsafe_b64encode(certificate.fingerprint(algorithm)).decode().rstrip("=")
