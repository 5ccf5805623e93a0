"""What pages' forms send, read exactly: urlencoded UTF-8, each name once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from shared.core.definition import Chain
from shared.web.answer import Mistake, ProblemError
from shared.web.limits import MAX_BODY_BYTES
from shared.web.pages.chain_page import kind_of

PARAMETER = "p."  # what a parameter's field is called, before its name
MOST_FIELDS = 500
KEY = re.compile(r"[0-9a-f]{16}")


def form_of(body: bytes) -> dict[str, str]:
    """The fields by name. Raises ProblemError for what is no form."""
    if len(body) > MAX_BODY_BYTES:
        raise ProblemError(413, f"The form is over {MAX_BODY_BYTES:,} bytes.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise ProblemError(400, "The form cannot be read.") from error
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProblemError(400, "The form has a field twice.")
    return found


def key_of_form(form: Mapping[str, str]) -> str | None:
    """The key that the form was made with: sent twice, it starts one run only."""
    key = form.get("key", "")
    return f"page {key}" if KEY.fullmatch(key) else None


def said_in(form: Mapping[str, str]) -> dict[str, str]:
    """The parameters' fields, as they were filled in."""
    return {name.removeprefix(PARAMETER): text for name, text in form.items() if name.startswith(PARAMETER)}


def parameters_of(chain: Chain, said: Mapping[str, str]) -> dict[str, Any]:
    """The parameters' values: by what their defaults are. An empty field of a default of nothing stays that.

    Raises ProblemError with every field that cannot be read. Browsers send line ends as CR LF; they become LF.
    """
    values: dict[str, Any] = {}
    mistakes = []
    for name, sent in said.items():
        text = sent.replace("\r\n", "\n")
        parameter = chain.parameters.get(name)
        if parameter is None or kind_of(parameter) == "text":
            if text or parameter is None or isinstance(parameter.default, str):
                values[name] = text
            continue
        try:
            values[name] = _value(text, kind_of(parameter))
        except (ValueError, RecursionError) as error:
            mistakes.append(Mistake(f"parameters.{name}", str(error)))
    if mistakes:
        raise ProblemError(400, "The parameters do not fit the chain.", errors=mistakes)
    return values


def _value(text: str, kind: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        wanted = {"number": "a number", "boolean": "true or false", "json": "JSON"}[kind]
        raise ValueError(f"must be {wanted}") from error
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("must be a number")
    if kind == "boolean" and not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value
