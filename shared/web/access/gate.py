"""The gate of the API: what a call is refused for before anything else is looked at.

With `CALLERS=keys` the platform asks for a function key, and there is nothing left to refuse. With `CALLERS=entra`
the platform lets everybody through, and Baton asks for an app role.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from shared.relay.world import say
from shared.web.access.caller import Caller
from shared.web.access.needs import NEEDS, Need
from shared.web.access.origin import is_same_origin
from shared.web.access.principal import HEADER, OPERATE_ROLE, READ_ROLE, caller_of, is_known, platform_checks
from shared.web.answer import Answer, ProblemError

KEYS = "keys"
ENTRA = "entra"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def callers_of(environment: Mapping[str, str]) -> str:
    """How callers show who they are: `keys` or `entra`. Anything else is refused by the settings."""
    return environment.get("CALLERS", "").strip() or KEYS


def refusal(
    function: str, method: str, headers: Mapping[str, str], environment: Mapping[str, str]
) -> Answer | None:
    """Why this call is not served; None when it may go on. The names of headers are lower case."""
    try:
        check(function, method, headers, environment)
    except ProblemError as problem:
        return problem.answer()
    return None


def check(function: str, method: str, headers: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Raises ProblemError for a call that is not to be served."""
    need = NEEDS[function]
    if callers_of(environment) != ENTRA or need in (Need.KEY, Need.OPEN):
        return
    caller = entra_caller(headers, environment)
    _demand(caller, need, function)
    is_signed = headers.get("authorization", "").lower().startswith("bearer ")
    if method.upper() not in _SAFE and not is_signed:
        hostname = environment.get("WEBSITE_HOSTNAME", "")
        if not is_same_origin(headers, hostname):
            raise _refused(403, function, "The call comes from another site, and would change something.")


def entra_caller(headers: Mapping[str, str], environment: Mapping[str, str]) -> Caller:
    """Whoever App Service says it is. Raises ProblemError where App Service does not check that."""
    if not platform_checks(environment):
        say("platform_authentication_off", level=logging.ERROR)
        raise ProblemError(
            503,
            "CALLERS is 'entra', but App Service does not authenticate this app's callers, so nobody is trusted."
            " Switch its authentication on (entraClientId in infra/main.bicepparam), or set CALLERS to 'keys'.",
        )
    return caller_of(headers.get(HEADER))


def _demand(caller: Caller, need: Need, function: str) -> None:
    allowed = caller.may_operate if need is Need.OPERATE else caller.may_read
    if allowed:
        return
    if not is_known(caller):
        raise _refused(401, function, "Sign in, or send an Entra token for this app as `Authorization: Bearer`.")
    role = OPERATE_ROLE if need is Need.OPERATE else READ_ROLE
    raise _refused(403, function, f"This needs the app role {role}, which you have not been given.")


def _refused(status: int, function: str, detail: str) -> ProblemError:
    say("call_refused", function=function, status=status)
    return ProblemError(status, detail, headers=_CHALLENGE if status == 401 else None)
