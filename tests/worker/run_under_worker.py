"""python -m tests.worker.run_under_worker APP_ROOT REQUESTS.json

Prints what `tests.worker.harness.run_app` returns, as JSON. What the app itself prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from tests.worker.harness import run_app


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    app_root, requests = Path(arguments[0]).resolve(), json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    with contextlib.redirect_stdout(sys.stderr):
        outcome = run_app(app_root, requests)
    sys.stdout.write(json.dumps(outcome) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
