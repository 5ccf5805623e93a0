"""What passes between Baton and the simulated Azure, held against the services' own API documents.

The documents are Swagger 2.0, and lie beside the project where they are at hand. Every request and every answer of
a documented service is checked: path, method, query, body, status. What the documents lack or get wrong, and other
sources say, stands in `DEPARTURES` with its reason; nothing else is let through.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft4Validator, FormatChecker

from local.simulated_azure.messages import Request, Response
from local.simulated_azure.synapse import workspace_and_path

SPECS = Path(__file__).resolve().parent.parent.parent / "shared" / "reference" / "specs"
# In no document that is at hand: who is in a workspace, and what the caller may do with a resource.
_MEMBERS = re.compile(
    r"/roleAssignments(/[^/]+)?$|/groups/[^/]+/users$|/providers/Microsoft\.Authorization/permissions$"
)
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UNZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Departure:
    """One place where a document is not the whole truth. `name` says of what, where the kind needs one."""

    document: str
    kind: Literal["status", "optional", "any case", "word", "unzoned times", "null", "bare error"]
    name: str
    reason: str


DEPARTURES = (
    *(
        Departure(
            "power-bi-refresh.json",
            "status",
            status,
            "The document names successes only. Busy models, missing rights, throttling and gateways' errors are"
            " from the service's pages and from reports of its answers.",
        )
        for status in ("400", "401", "403", "404", "408", "409", "429", "500", "502", "503", "504")
    ),
    Departure(
        "power-bi-refresh.json",
        "optional",
        "notifyOption",
        "Marked required, while the same document says that an enhanced refresh must leave it out.",
    ),
    Departure("power-bi-refresh.json", "any case", "", "The document's own examples write `full` for `Full`."),
    Departure("power-bi-refresh.json", "word", "status=Cancelled", "The service's newer page has it too."),
    Departure("power-bi-refresh.json", "unzoned times", "", "So are those in the document's own examples."),
    *(
        Departure(document, "null", name, "Null in the document's own examples while a run or activity goes on.")
        for document in ("data-factory.json", "synapse.json")
        for name in ("runEnd", "durationInMs", "activityRunEnd")
    ),
    *(
        Departure("fabric-jobs.json", "null", name, "Null in the document's own examples where there is none.")
        for name in ("failureReason", "exitValue")
    ),
    Departure("fabric-jobs.json", "word", "ItemType=KustoDashboard", "In an example, though not in the list."),
    Departure("synapse.json", "bare error", "", "Azure's own client takes errors without an `error` around them."),
)
_DEPARTURES = frozenset((each.document, each.kind, each.name) for each in DEPARTURES)


@dataclass(slots=True)
class Documents:
    """Checks what it is told of, counts it, and keeps what does not fit. Safe across threads."""

    folder: Path = SPECS
    checked: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, request: Request, response: Response | None) -> None:
        """One exchange with the simulated Azure; no response where the connection was lost."""
        found = _documented_path(request)
        if found is None:
            return
        name, path = found
        if response is not None and response.garbled:
            response = None
        problems = list(_Exchange(self.folder, name, request, path, response).problems())
        with self._lock:
            self.checked[f"{name} requests"] += 1
            self.checked[f"{name} answers"] += response is not None
            self.mismatches += [f"{name}: {request.method} {path}: {problem}" for problem in problems]

    def taken(self) -> list[str]:
        """What did not fit since the last time."""
        with self._lock:
            found, self.mismatches = self.mismatches, []
        return list(dict.fromkeys(found))


def _documented_path(request: Request) -> tuple[str, str] | None:
    """A request's document, and its path as written there; None for token endpoints and such."""
    in_workspace = workspace_and_path(request)
    if in_workspace is not None:
        # The list of pipelines is not in the part of the document that is at hand; Azure's own client has it.
        return None if in_workspace[1] == "/pipelines" else ("synapse.json", in_workspace[1])
    for prefix, document, base in (
        ("/subscriptions/", "data-factory.json", ""),
        ("/v1.0/myorg/", "power-bi-refresh.json", ""),
        ("/v1/workspaces", "fabric-jobs.json", "/v1"),
    ):
        if request.path.startswith(prefix) and not _MEMBERS.search(request.path):
            return document, request.path.removeprefix(base)
    return None


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and its answer, and the operation that they should be."""

    folder: Path
    document: str
    request: Request
    path: str
    response: Response | None

    def problems(self) -> Iterator[str]:
        routed = _operation(self.folder, self.document, self.request.method.lower(), self.path, self.request.query)
        if routed is None:
            yield "there is no such operation"
            return
        key, operation, in_path = routed
        yield from self._parameters(operation, in_path)
        if self.response is not None:
            yield from self._answer(key, operation, self.response)

    def _parameters(self, operation: Mapping[str, Any], in_path: Mapping[str, str]) -> Iterator[str]:
        declared = [_resolved(self.folder, self.document, each) for each in operation.get("parameters", [])]
        query = {each["name"]: each for each in declared if each["in"] == "query"}
        for name in self.request.query.keys() - query.keys():
            yield f"query {name!r} is not documented"
        for name, parameter in query.items():
            yield from _text_problems(f"query {name!r}", self.request.query.get(name), parameter)
        for parameter in declared:
            if parameter["in"] == "path" and parameter["name"] in in_path:
                yield from _text_problems(f"path {parameter['name']!r}", in_path[parameter["name"]], parameter)
            if parameter["in"] == "header":
                told = self.request.headers.get(parameter["name"].lower())
                yield from _text_problems(f"header {parameter['name']!r}", told, parameter)
        yield from self._body([each for each in declared if each["in"] == "body"])

    def _body(self, declared: list[Any]) -> Iterator[str]:
        body = self.request.body.strip()
        if not body:
            if any(each.get("required") for each in declared):
                yield "a body is required"
            return
        if not declared:
            yield "a body is not documented"
            return
        if not self.request.headers.get("content-type", "").startswith("application/json"):
            yield "the body is not declared as application/json"
        schema = declared[0]["schema"]
        yield from (f"body: {each}" for each in _schema_problems(self.folder, self.document, schema, body))

    def _answer(self, key: str, operation: Mapping[str, Any], response: Response) -> Iterator[str]:
        responses = operation["responses"]
        documented = responses.get(str(response.status))
        if documented is None and response.status >= 400:
            documented = responses.get("default")
        if documented is None:
            if (self.document, "status", str(response.status)) not in _DEPARTURES:
                yield f"status {response.status} is not documented for {key}"
            return
        schema, body = documented.get("schema"), response.body.strip()
        if schema is None:
            return
        if not body:
            yield f"status {response.status} without the documented body"
            return
        if response.status >= 400 and (self.document, "bare error", "") in _DEPARTURES:
            body = _wrapped(body)
        yield from (
            f"answer {response.status}: {each}"
            for each in _schema_problems(self.folder, self.document, schema, body)
        )


def _wrapped(body: bytes) -> bytes:
    told = json.loads(body)
    return body if "error" in told else json.dumps({"error": told}).encode()


@cache
def _document(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


@cache
def _routes(folder: Path, name: str) -> list[tuple[re.Pattern[str], str, dict[str, str], Any]]:
    """Pattern, path as written, the query that is part of it, and its methods; the most literal first."""
    made = []
    for written, methods in _document(folder, name)["paths"].items():
        path, _, query = written.partition("?")
        pattern = "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", path)
        )
        fixed = dict(item.split("=") for item in query.split("&") if item)
        made.append((re.compile(pattern, re.IGNORECASE), written, fixed, methods))
    return sorted(made, key=lambda route: route[1].count("{"))


def _operation(
    folder: Path, name: str, method: str, path: str, query: Mapping[str, str]
) -> tuple[str, Mapping[str, Any], Mapping[str, str]] | None:
    """The operation as written, its declaration, and what stood in the path."""
    for pattern, written, fixed, methods in _routes(folder, name):
        match = pattern.fullmatch(path)
        if match is None or method not in methods or not fixed.items() <= query.items():
            continue
        return f"{method} {written}", methods[method], match.groupdict()
    return None


def _resolved(folder: Path, name: str, node: Any) -> Any:
    while "$ref" in node:
        target: Any = _document(folder, name)
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _text_problems(what: str, text: str | None, parameter: Mapping[str, Any]) -> Iterator[str]:
    """A parameter that travels as text. The form of ids is not checked: the tests' worlds use short names."""
    if text is None:
        if parameter.get("required"):
            yield f"{what} is required"
        return
    kind = parameter.get("type")
    if kind == "boolean" and text not in ("true", "false"):
        yield f"{what}: {text!r} is neither true nor false"
    if kind == "integer" and (not text.isdecimal() or int(text) < parameter.get("minimum", 0)):
        yield f"{what}: {text!r} is no such number"
    if "enum" in parameter and text not in parameter["enum"]:
        yield f"{what}: {text!r} is none of {parameter['enum']}"
    if not re.search(parameter.get("pattern", ""), text):
        yield f"{what}: {text!r} does not match {parameter['pattern']}"
    if not parameter.get("minLength", 0) <= len(text) <= parameter.get("maxLength", len(text)):
        yield f"{what}: {text!r} is too short or too long"


def _schema_problems(folder: Path, name: str, schema: Any, body: bytes) -> Iterator[str]:
    try:
        told = json.loads(body)
    except ValueError:
        yield "is no JSON"
        return
    for error in _validator(folder, name, json.dumps(schema)).iter_errors(told):
        where = "/".join(map(str, error.absolute_path))
        yield f"{where or 'whole'}: {error.message[:300]}"


@cache
def _validator(folder: Path, name: str, schema: str) -> Draft4Validator:
    definitions = {key: _plain(name, node, key) for key, node in _document(folder, name)["definitions"].items()}
    return Draft4Validator(
        {**_plain(name, json.loads(schema)), "definitions": definitions}, format_checker=_formats(name)
    )


@cache
def _formats(name: str) -> FormatChecker:
    times = FormatChecker(formats=())
    unzoned = (name, "unzoned times", "") in _DEPARTURES

    @times.checks("date-time")
    def is_time(value: object) -> bool:
        if not isinstance(value, str):
            return True
        return bool(_ZONED.fullmatch(value) or (unzoned and _UNZONED.fullmatch(value)))

    return times


def _plain(name: str, node: Any, key: str = "") -> Any:
    """A Swagger schema as JSON Schema, with the document's departures.

    Two conventions of the services' own generators: an object without fields stands for any value, and
    `x-nullable` allows null.
    """
    if isinstance(node, list):
        return [_plain(name, item) for item in node]
    if not isinstance(node, dict):
        return node
    nullable = node.get("x-nullable") or (name, "null", key) in _DEPARTURES
    if "$ref" in node:
        made = {"$ref": node["$ref"]}
        return {"anyOf": [made, {"type": "null"}]} if nullable else made
    made = {k: _plain(name, v) for k, v in node.items() if k not in ("properties", "enum", "required")}
    if "properties" in node:
        made["properties"] = {k: _plain(name, v, k) for k, v in node["properties"].items()}
    required = [each for each in node.get("required", ()) if (name, "optional", each) not in _DEPARTURES]
    if isinstance(node.get("required"), list) and required:
        made["required"] = required
    if made.get("type") == "object" and not made.keys() & {"properties", "additionalProperties", "allOf"}:
        del made["type"]
    if "enum" in node:
        made["pattern"] = _words(name, key, node["enum"])
    if nullable and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def _words(name: str, key: str, words: list[Any]) -> str:
    """A pattern for the words that are documented for a field."""
    also = [told.removeprefix(f"{key}=") for _, kind, told in _DEPARTURES if kind == "word"]
    known = [*words, *(word for word in also if (name, "word", f"{key}={word}") in _DEPARTURES)]
    flags = "i" if (name, "any case", "") in _DEPARTURES else ""
    return f"^(?{flags}:{'|'.join(re.escape(str(word)) for word in known)})$"


def example_problems(name: str, folder: Path = SPECS) -> list[str]:
    """What does not fit in the answers of a document's own examples."""
    found = []
    for _, written, _, methods in _routes(folder, name):
        for method, operation in methods.items():
            for file in operation.get("x-ms-examples", {}).values():
                example = json.loads((folder / file["$ref"]).read_text())
                problems = _in_example(folder, name, operation, example)
                found += [f"{method} {written}: {problem}" for problem in problems]
    return found


def _in_example(folder: Path, name: str, operation: Mapping[str, Any], example: Any) -> Iterator[str]:
    for status, shown in example["responses"].items():
        schema = operation["responses"].get(status, {}).get("schema")
        if schema is not None and "body" in shown:
            yield from _schema_problems(folder, name, schema, json.dumps(shown["body"]).encode())
