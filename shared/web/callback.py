"""`POST /api/runs/{id}/steps/{step}/callback?token=`: a job says that it is done."""

from __future__ import annotations

from shared.app import Baton
from shared.relay.called_back import called_back
from shared.relay.world import say
from shared.web.answer import Answer, ProblemError, json_answer


def called(baton: Baton, run_id: str, step: str, token: str) -> Answer:
    """202 for a right token, whatever has become of the run. The body is not read. A wrong one learns nothing."""
    if not baton.world.callbacks.is_for(run_id, step, token):
        say("callback_refused")
        raise ProblemError(403, "The token is not one of this step's.")
    called_back(baton.world, run_id, step)
    return json_answer(202, {"accepted": True})
