"""Runs one call and turns whatever goes wrong into an answer that says so."""

from __future__ import annotations

from collections.abc import Callable

from shared.app import Baton, baton
from shared.chains_file import ChainsFileError
from shared.relay.world import log
from shared.settings import SettingsError
from shared.storage.base import StorageError
from shared.web.answer import Answer, Mistake, ProblemError

_LATER = {"Retry-After": "10"}


def answered(call: Callable[[Baton], Answer]) -> Answer:
    """The call's answer, or a problem+json one."""
    try:
        return told(call)
    except ProblemError as problem:
        return problem.answer()


def told(call: Callable[[Baton], Answer]) -> Answer:
    """The call's answer. Whatever goes wrong comes out as a ProblemError that says so."""
    try:
        return call(baton())
    except ProblemError:
        raise
    except ChainsFileError as error:
        log.error("action=chains_file_refused %s", error)
        errors = [Mistake(mistake.path, mistake.message) for mistake in error.mistakes]
        raise ProblemError(503, "The chains file has mistakes.", errors=errors) from error
    except SettingsError as error:
        log.error("action=settings_refused %s", error)
        raise ProblemError(503, f"The app's settings have mistakes: {error}") from error
    except StorageError as error:
        log.exception("action=storage_failed")
        raise ProblemError(503, f"Storage does not work just now: {error}", headers=_LATER) from error
    except Exception as error:
        log.exception("action=call_failed")
        raise ProblemError(500, "Something went wrong inside Baton; its log says what.") from error
