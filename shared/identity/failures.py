"""What a failed token means, in plain words: which credential, where its secret is, and what to do.

The numbers are Entra's (AADSTS…). They may change, so an unknown one is still told, in Entra's own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.core.errors import BatonError, RefusedError, TryLaterError

_AADSTS = re.compile(r"AADSTS(\d+)")
_PASSING_CODES = frozenset({"90033", "90024", "50058", "90006"})  # Entra's own "try again"
_MOST_TEXT = 600


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose failure it is. `what`: the credential as people know it; `secret`: where its secret is;
    `sign_in`: the command that signs a person in again.
    """

    what: str
    secret: str = ""
    sign_in: str = ""


_SIGN_IN = "The sign-in behind {what} is over ({why}). Sign in again: {sign_in}."
_GRANT = "An administrator must grant the application its permissions (Entra, App registrations, API permissions)"
_FEDERATION = (
    "The application of {what} does not trust that identity: add a federated credential with this {part}"
    " (Entra, App registrations, Certificates & secrets, Federated credentials)."
)

_REMEDIES = {
    "7000215": "The client secret is wrong (often the secret's id in place of its value):"
    " set the right one in {secret}, for {what}.",
    "7000222": "The client secret has expired: make a new one in Entra and put it into {secret}, for {what}.",
    "7000218": "Entra wants a client secret for this application: set client_secret of {what}, or allow public"
    " client flows (Entra, App registrations, Authentication).",
    "700025": "The application of {what} is a public client and takes no secret: leave client_secret out.",
    "700027": "Entra does not know the certificate in {secret}, or its time is over: upload its public part"
    " (Entra, App registrations, Certificates & secrets), for {what}.",
    "7000214": "The certificate in {secret} has been revoked: put a new one there, for {what}.",
    "1000502": "The certificate in {secret} is outside its time: put a new one there, for {what}.",
    "700024": "This machine's clock differs too much from Entra's, or the token that vouches for {what} is old.",
    "50027": "Entra cannot read the assertion of {what}: check {secret}.",
    "70021": _FEDERATION.replace("{part}", "issuer, subject and audience"),
    "700211": _FEDERATION.replace("{part}", "issuer"),
    "700212": _FEDERATION.replace("{part}", "audience"),
    "700213": _FEDERATION.replace("{part}", "subject"),
    "700016": "There is no such application in that tenant: check client_id and tenant of {what}.",
    "7000229": "The application has no service principal in that tenant: check the tenant, or have an"
    " administrator consent there, for {what}.",
    "7000112": "The application is disabled: enable it in Entra (Enterprise applications), for {what}.",
    "90002": "There is no such tenant: check tenant of {what}.",
    "900023": "That is no tenant's name or id: check tenant of {what}.",
    "500011": "The service is not known in that tenant (nobody there has used it yet): check tenant of {what}.",
    "70011": "The token scope is wrong: check the endpoint and scope settings for {what}.",
    "53003": "A Conditional Access policy blocks {what}: have an administrator except it, or sign in from a"
    " place that the policy allows.",
    "65001": f"{_GRANT}, or sign in again and consent: {{sign_in}}; for {{what}}.",
    "65004": "Consent was declined: sign in again and accept ({sign_in}), for {what}.",
    "50057": "The user's account is disabled: enable it, or sign in as somebody else ({sign_in}), for {what}.",
    "50034": "That user does not exist in the tenant: check tenant of {what}, then sign in again: {sign_in}.",
} | {
    number: _SIGN_IN.replace("{why}", why)
    for number, why in {
        "70008": "it expired, or was revoked",
        "70000": "it is not valid for this application, or was revoked",
        "70043": "a policy asks for a new sign-in from time to time",
        "700082": "it was not used for 90 days",
        "700084": "it came from a single-page app, and lasts 24 hours",
        "50173": "it was revoked, for example by a new password",
        "50132": "it was revoked, for example by a new password",
        "50133": "it was revoked, for example by a new password",
        "50055": "the password has expired",
        "50076": "Entra wants multi-factor authentication",
        "50078": "the multi-factor authentication is too old",
        "50079": "the user must set up multi-factor authentication",
        "50158": "a policy wants another check of the user",
        "9002313": "what is stored is no refresh token",
    }.items()
}


def told(error: Exception, subject: Subject) -> BatonError:
    """What a failure of azure-identity means."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    causes = (error, error.__cause__, error.__context__)  # azure-identity wraps what happened inside
    own = next((cause for cause in causes if isinstance(cause, BatonError)), None)
    if own is not None:
        return own
    if isinstance(error, OSError) and not isinstance(error, ServiceRequestError | ServiceResponseError):
        told_where = f"{subject.secret or 'A file'} cannot be read ({error.strerror})"
        return RefusedError("unauthorized", f"{told_where}: no token for {subject.what}.")
    text = _without_noise(str(error))
    if any(isinstance(cause, ServiceRequestError | ServiceResponseError) for cause in causes):
        return unreachable(subject, text)
    if "double check your tenant name" in text:  # where the client library keeps Entra's own words to itself
        return RefusedError("unauthorized", _REMEDIES["90002"].format(what=subject.what))
    if _AADSTS.search(text) is None and re.search(r"\b(5\d\d|429),", text):
        return unavailable(subject, text)
    return refusal(text, subject)


def refusal(text: str, subject: Subject) -> BatonError:
    """What Entra's answer (its error_description) means."""
    text = _without_noise(text)
    number = _AADSTS.search(text)
    if number is not None and number[1] in _PASSING_CODES:
        return unavailable(subject, text)
    remedy = _REMEDIES.get(number[1]) if number is not None else _identity_remedy(text)
    if remedy is None:
        return RefusedError("unauthorized", f"No token for {subject.what}: {text}")
    words = remedy.format(
        what=subject.what,
        secret=subject.secret or "its credential",
        sign_in=subject.sign_in or "as that user",
    )
    return RefusedError("unauthorized", f"{words} {'Entra' if number else 'Azure'} says: {text}")


def unreachable(subject: Subject, text: str) -> TryLaterError:
    """Nobody answered."""
    return TryLaterError("identity_unreachable", f"No answer when asking for a token for {subject.what}: {text}")


def unavailable(subject: Subject, text: str, after_seconds: float | None = None) -> TryLaterError:
    """The authority is in trouble, or wants us to wait."""
    return TryLaterError("identity_unavailable", f"No token for {subject.what} just now: {text}", after_seconds)


def _identity_remedy(text: str) -> str | None:
    if re.search(r"No (User Assigned or Delegated )?Managed Identity found", text):
        return (
            "The app does not have {what}: assign it (Function app, Settings, Identity), or check client_id and"
            " the app setting MANAGED_IDENTITY_CLIENT_ID."
        )
    return None


def _without_noise(text: str) -> str:
    """The part that says what happened: azure-identity puts it behind a general sentence."""
    text = text.rsplit("Token request error:", maxsplit=1)[-1].removeprefix("Authentication failed:")
    return " ".join(text.split("Trace ID:")[0].split())[:_MOST_TEXT]
