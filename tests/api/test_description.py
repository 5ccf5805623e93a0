"""The description of the API is valid, and has what function_app.py serves: no more, no less."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import function_app
from shared.core.ids import run_id
from shared.web import limits
from shared.web.openapi import VERSION, document, openapi
from shared.web.schemas import RUN_ID_PATTERN
from tests.unit.relay.small_world import T0

ROOT = Path(__file__).resolve().parent.parent.parent


def served() -> dict[tuple[str, str], str]:
    """Path and method of every HTTP function, with its name."""
    found = {}
    for function in function_app.app.get_functions():
        trigger = function.get_trigger()
        assert trigger is not None
        told = trigger.get_dict_repr()
        if told["type"] == "httpTrigger":
            for method in told["methods"]:
                found[f"/api/{told['route']}", str(method).lower()] = str(function.get_function_name())
    return found


def described() -> dict[tuple[str, str], str]:
    return {
        (path, method): operation["operationId"]
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


def test_every_route_that_is_served_is_described_and_no_other() -> None:
    assert described() == served()


def test_the_prefix_of_all_paths_is_that_of_the_host() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    assert host.get("extensions", {}).get("http", {}).get("routePrefix", "api") == "api"


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_the_document_is_answered_as_json() -> None:
    answer = openapi()
    assert (answer.status, answer.mimetype, json.loads(answer.body)) == (200, "application/json", document())


def test_its_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_every_parameter_in_a_path_is_described() -> None:
    for path, item in document()["paths"].items():
        for operation in item.values():
            told = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path)), path


def test_every_named_schema_is_used() -> None:
    text = json.dumps(document())
    for name in document()["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name


def patterns(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
        return own + [found for value in node.values() for found in patterns(value)]
    return [found for value in node for found in patterns(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("pattern", sorted(set(patterns(document()))))
def test_patterns_are_for_whole_texts_and_mean_the_same_everywhere(pattern: str) -> None:
    assert (pattern[0], pattern[-1]) == ("^", "$")
    assert not re.search(r"\(\?|\\[dswDSWAZ]", pattern), "each language has its own meaning of these"


@pytest.mark.parametrize("bits", [0, 2**64 - 1, 0x123456789ABCDEF])
def test_the_pattern_of_run_ids_is_that_of_the_ids_that_are_made(bits: int) -> None:
    assert re.search(RUN_ID_PATTERN, run_id("sales-daily", T0, bits))
    assert limits.CURSOR.fullmatch(f"r.0000000000000.{run_id('x' * 63, T0, bits)}")
