"""The HTTP functions, called in this process as the host calls them; every answer is held against its description.

Storage is in memory, and the service is one that tests steer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator

from local.host.http_functions import HttpFunctions
from local.host.index import load_functions
from local.host.invoke import Invoker
from local.host.keys import Keys
from local.host.messages import WebRequest, WebResponse
from local.host.options import read_options
from shared.app import Baton, install
from shared.identity import Identities
from shared.settings import Settings
from shared.web.answer import PROBLEM
from shared.web.openapi import document
from tests.unit.relay.small_world import SmallWorld

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "test-key"
CHAINS = """
connections:
  adf: {type: data_factory, subscription: 00000000-0000-0000-0000-00000000ba70, resource_group: rg, factory: adf-1}
chains:
  open:
    description: Takes whatever it is given.
    schedule: {cron: "30 5 * * *", time_zone: Europe/Berlin}
    parameters: {value: {default: null}, region: {default: emea}}
    steps:
      load: {connection: adf, pipeline: P, parameters: {value: "{{ parameters.value }}"}}
      check: {after: [load], connection: adf, pipeline: Q, parameters: {text: "<{{ parameters.value }}>"}}
  one:
    max_running: 1
    overlap: skip
    parameters: {region: }
    steps:
      load: {connection: adf, pipeline: P}
"""


def closed(schema: Any) -> Any:
    """The schema, with no room for what it does not name: so that views and schemas cannot drift apart."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(item) for name, item in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


DOCUMENT = closed(document())


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """For a schema of the document, with its references."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def operation_of(method: str, path: str) -> Mapping[str, Any]:
    """What is described for a request that has a route."""
    parts = path.split("/")
    for template, item in DOCUMENT["paths"].items():
        named = template.split("/")
        fits = all(name == part or name.startswith("{") for name, part in zip(named, parts, strict=False))
        if len(named) == len(parts) and fits and method.lower() in item:
            found: Mapping[str, Any] = item[method.lower()]
            return found
    raise AssertionError(f"{method} {path} is not described")


@dataclass(frozen=True)
class Reply:
    """A checked answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def paths(self) -> list[str]:
        """The places that a problem names."""
        return [error["path"] for error in self.json().get("errors", ())]


@dataclass
class Api:
    """Calls the API. `seen` counts what was answered, by operation and status."""

    small: SmallWorld
    functions: HttpFunctions
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        query: str = "",
        key: str = KEY,
        **headers: str,
    ) -> Reply:
        """`path` as it is sent: percent-encoded. Underscores in the names of headers stand for hyphens."""
        told = {name.lower().replace("_", "-"): value for name, value in headers.items()}
        request = WebRequest(method, path, query, {"x-functions-key": key, **told}, body)
        response = self.functions.answer(request)
        operation = operation_of(method, path)
        self.seen[operation["operationId"], response.status] += 1
        return checked(operation, response)

    def start(self, said: Mapping[str, Any] | None = None, chain: str = "open", **headers: str) -> Reply:
        body = b"" if said is None else json.dumps({"parameters": said}).encode()
        return self.call("POST", f"/api/chains/{quote(chain, safe='')}/runs", body, **headers)


def checked(operation: Mapping[str, Any], response: WebResponse) -> Reply:
    """The answer, which is one that the operation may give."""
    name = f"{operation['operationId']} answered {response.status}"
    described = operation["responses"].get(str(response.status))
    assert described is not None, f"{name}, which is not described: {response.body[:300]!r}"
    headers = dict(response.headers)
    for header, told in described.get("headers", {}).items():
        value = headers.get(header.lower())
        assert value is not None or not told.get("required"), f"{name} without {header}"
        if value is not None:
            validator(told["schema"]).validate(value)
    content = described.get("content")
    if content is None or (response.status == 401 and not response.body):  # the host asks for the key, wordless
        assert response.body == b"", name
        return Reply(response.status, headers, b"")
    kind = headers["content-type"].split(";")[0]
    assert kind in content, f"{name} as {kind}"
    told = json.loads(response.body)
    validator(content[kind]["schema"]).validate(told)
    assert kind != PROBLEM or told["status"] == response.status
    return Reply(response.status, headers, response.body)


def make_api(folder: Path, chains: str = CHAINS, small: SmallWorld | None = None, **more: str) -> Api:
    """The app over a fresh world. The process's Baton is this one until another is made."""
    (folder / "chains.yaml").write_text(chains, encoding="utf-8")
    made = small or SmallWorld()
    settings = Settings.from_mapping({"AzureWebJobsStorage": "sqlite::memory:", **more})
    poison = made.storage.queue("baton-work-poison")
    identities = Identities(settings)
    install(Baton(settings=settings, world=made.world, root=folder, identities=identities, poison=poison))
    entries = load_functions(ROOT, {}, read_options(json.loads((ROOT / "host.json").read_text()), {}))
    keys = Keys(master="master", function=KEY, event_grid="grid")
    return Api(made, HttpFunctions(entries, keys=keys, invoker=Invoker(threads=1), most_at_once=8))
