"""WebHook activities: a pipeline run calls an address, and waits until its own address is called.

The service adds `callBackUri` to the body. Whoever is called answers within a minute with 2xx, else the activity
fails; and calls back with {"Output": ..., "Error": {"ErrorCode", "Message"}, "StatusCode": "..."}, of which a
StatusCode from 400 on fails the activity. An address works once.
"""

from __future__ import annotations

import json
import secrets
import threading
from datetime import timedelta
from typing import Any

import requests

from local.simulated_azure.messages import Request, Response, answer, problem
from local.simulated_azure.pipelines import PipelineRun, WebHook
from local.simulated_azure.world import SimulatedAzure

PREFIX = "/workflow/callback/"
ANSWER_SECONDS = 60.0


class WebHooks:
    """The activities that wait."""

    def __init__(self, azure: SimulatedAzure) -> None:
        self.reached_at = ""
        self._azure = azure
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[PipelineRun, WebHook]] = {}
        azure.data_factory.on_web_hook = self._begin

    def called_back(self, request: Request) -> Response | None:
        """The answer to a call to one of the addresses; None for any other path."""
        if not request.path.startswith(PREFIX):
            return None
        with self._lock:
            run, hook = self._waiting.pop(request.path.removeprefix(PREFIX), (None, None))
        if run is None or hook is None or run.ends_at <= self._azure.data_factory.clock():
            return problem(404, "NotFound", "Nobody waits here.")
        told = request.json() or {}
        self._end(run, _error(told) if hook.reports else "", told.get("Output"))
        return answer(200)

    def _begin(self, run: PipelineRun, hook: WebHook) -> None:
        token = secrets.token_hex(16)
        run.outcome, run.message = "Failed", "Operation on target WebHook failed: TimedOut"
        run.ends_at = run.created_at + timedelta(seconds=hook.timeout_seconds)
        with self._lock:
            self._waiting[token] = (run, hook)
        threading.Thread(target=self._call, args=(run, hook, token), daemon=True).start()

    def _call(self, run: PipelineRun, hook: WebHook, token: str) -> None:
        body = {**hook.body, "callBackUri": f"{self.reached_at}{PREFIX}{token}"}
        try:
            told = requests.post(hook.url, json=body, headers=dict(hook.headers), timeout=ANSWER_SECONDS)
            why = "" if told.ok else f"{told.status_code} {told.text}"
        except requests.RequestException as error:
            why = repr(error)
        if why:
            with self._lock:
                self._waiting.pop(token, None)
            self._end(run, why, None)

    def _end(self, run: PipelineRun, why: str, output: Any) -> None:
        run.outcome = "Failed" if why else "Succeeded"
        run.message = f"Operation on target WebHook failed: {why}" if why else ""
        run.returns = output
        run.ends_at = self._azure.data_factory.clock()


def _error(told: dict[str, Any]) -> str:
    if int(told.get("StatusCode", "200")) < 400:
        return ""
    return json.dumps(told.get("Error"))
