"""A host in a process of its own, with short patience, that can be told to die at an exact moment.

`python -m tests.end_to_end.host_process PORT`; app settings come from the environment. `DIE_AT` is `before` or
`after`, and `DIE_ON` a part of the path of the POST that the process dies at. `REVIVE_SECONDS`
is how long after its due time something counts as forgotten.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from local.host.cli import run_host
from local.host.keys import Keys
from shared.app import build, install, open_storage
from shared.core.timing import Patience
from shared.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "test-key"
PATIENCE = Patience(fence_seconds=2, lease_seconds=3, grace_seconds=2, revive_seconds=1)


class DyingAdapter(HTTPAdapter):
    """Kills the process just before or just after the request, as no exception handler can."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        struck = request.method == "POST" and os.environ["DIE_ON"] in (request.url or "")
        if struck and os.environ["DIE_AT"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = super().send(request, *args, **kwargs)
        if struck:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("baton").setLevel(logging.INFO)
    session = requests.Session()
    if os.environ.get("DIE_ON"):
        session.mount("http://", DyingAdapter())
    settings = Settings.from_mapping(os.environ)
    storage = open_storage(settings)
    patience = replace(PATIENCE, revive_seconds=float(os.environ.get("REVIVE_SECONDS", PATIENCE.revive_seconds)))
    install(build(settings, storage=storage, root=ROOT, session=session, patience=patience))
    keys = Keys(master=KEY, function=KEY, event_grid=KEY)
    run_host(ROOT, storage=storage, settings=dict(os.environ), port=int(sys.argv[1]), keys=keys)


if __name__ == "__main__":
    main()
