"""`python -m local.simulated_azure`: the sample world on a port, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import threading
from datetime import UTC, datetime

from local.simulated_azure.sample import SUBSCRIPTION, sample_azure
from local.simulated_azure.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.simulated_azure", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--speed", type=float, default=1.0, help="2 halves the time that jobs take")
    arguments = parser.parse_args()
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    azure = sample_azure(lambda: datetime.now(UTC), speed=arguments.speed)
    with Server(azure, port=arguments.port) as server:
        print(f"The simulated Azure is at {server.url} (its state: {server.url}/_simulation). Settings for Baton:")
        settings = {**server.settings(), **server.topic_settings(), "SUBSCRIPTION_ID": SUBSCRIPTION}
        for name, value in settings.items():
            print(f"  {name}={value}", flush=True)
        asked.wait()


main()
