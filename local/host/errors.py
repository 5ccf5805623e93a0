"""What can go wrong in the host itself, as opposed to in the functions that it runs."""

from __future__ import annotations

from collections.abc import Sequence


class HostError(Exception):
    """Root of the host's own errors."""


class SetupError(HostError):
    """The app, host.json or a setting is wrong. The message has one line for each problem found."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InvocationFailedError(HostError):
    """A function raised, or its input or result does not fit its bindings. The traceback was logged."""


class HostStoppingError(HostError):
    """The host is stopping and the function was not run."""
