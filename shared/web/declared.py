"""The chain that a call names, or a 404 that says which there are."""

from __future__ import annotations

from shared.app import Baton
from shared.core.definition import Chain
from shared.web.answer import ProblemError


def declared_chain(baton: Baton, name: str) -> Chain:
    """Raises ProblemError."""
    chain = baton.chains_file.chains.get(name)
    if chain is None:
        declared = ", ".join(sorted(baton.chains_file.chains)) or "none"
        raise ProblemError(404, f"There is no chain {name[:200]!r}. Declared are: {declared}.")
    return chain
