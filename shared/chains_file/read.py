"""chains.yaml to definitions, or to all of its mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from shared.chains_file import shape
from shared.chains_file.checks import (
    UNKNOWN,
    ancestors,
    check_schedule,
    check_size,
    check_step,
    check_steps,
    check_templates,
    clock_text,
    duration_seconds,
)
from shared.chains_file.credentials import credential_of
from shared.chains_file.deadlines import check_deadline, deadline_of
from shared.chains_file.events import check_events, patterns_of
from shared.chains_file.follows import check_circles, check_follows, follows_of
from shared.chains_file.mistakes import ChainsFileError, Mistake, Mistakes, Path, in_words, nearest
from shared.chains_file.source import load, with_settings
from shared.chains_file.texts import HINTS
from shared.core.definition import (
    Chain,
    ChainsFile,
    Connection,
    Credential,
    Parameter,
    Refresh,
    Schedule,
    StepDefinition,
)
from shared.core.ids import CHAIN_NAME
from shared.core.values import value_problem

T = TypeVar("T")
_PARTS = ("connections", "credentials", "chains")


def read(path: FilePath, settings: Mapping[str, str]) -> ChainsFile:
    """The file's chains. Raises ChainsFileError, also when there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read: {error}. The app setting CHAINS_FILE says where it is."
        raise ChainsFileError(path.name, [Mistake("", message)]) from error
    return parse(text, settings, path.name)


def parse(text: str, settings: Mapping[str, str], name: str = "chains.yaml") -> ChainsFile:
    """The chains that the text declares; `settings` are the app settings that `%NAME%` names.

    Raises ChainsFileError with every mistake.
    """
    data, mistakes = load(text, name)
    if isinstance(data, dict):
        file = _File(with_settings(data, settings, mistakes), mistakes).checked()
    else:
        mistakes.add((), "is empty; it needs connections and chains" if data is None else "must be a mapping")
        file = None
    found = mistakes.all()
    if found or file is None:
        raise ChainsFileError(name, found)
    return file


class _File:
    """One file on its way to definitions. What is wrong goes to `mistakes`, and its part is left out."""

    def __init__(self, data: dict[str, Any], mistakes: Mistakes) -> None:
        self._data = data
        self._mistakes = mistakes
        self._credentials: dict[str, Credential] = {}
        self._connections: dict[str, Connection] = {}
        self._types: dict[str, str] = {}  # of every declared connection, good or not

    def checked(self) -> ChainsFile:
        for key in self._data:
            if key not in _PARTS:
                self._mistakes.add((key,), f"unknown field{nearest(key, _PARTS)}")
        for name, value in self._part("credentials", needed=False).items():
            self._credential(name, value)
        for name, value in self._part("connections").items():
            self._connection(name, value)
        raw_chains = self._part("chains")
        chains = {name: chain for name, value in raw_chains.items() if (chain := self._chain(name, value))}
        self._names_apart(raw_chains)
        check_circles(chains, self._mistakes)
        return ChainsFile(connections=self._connections, chains=chains, credentials=self._credentials)

    def _part(self, key: str, *, needed: bool = True) -> dict[str, Any]:
        value = self._data.get(key)
        if value is None and not needed:
            return {}
        if not value:
            self._mistakes.add((key,), "is required, and must not be empty")
            return {}
        if not isinstance(value, dict):
            self._mistakes.add((key,), "must be a mapping of names to values")
            return {}
        for name in value:
            if not CHAIN_NAME.fullmatch(name):
                text = "a name has letters, digits, - and _ (at most 63), and begins with a letter or digit"
                self._mistakes.add((key, name), text)
        return value

    def _credential(self, name: str, value: Any) -> None:
        path = ("credentials", name)
        made = self._shaped(shape.CREDENTIAL, value, path, "credential")
        if made is not None:
            self._credentials[name] = credential_of(name, made)
            self._vouched_once(path, made)

    def _vouched_once(self, path: Path, made: shape.AnyCredentialShape) -> None:
        if isinstance(made, shape.WorkloadIdentityShape) and made.token_file and made.managed_identity:
            self._mistakes.add((*path, "token_file"), "cannot stand beside managed_identity: one of them vouches")

    def _connection(self, name: str, value: Any) -> None:
        path = ("connections", name)
        self._types[name] = str(value.get("type")) if isinstance(value, dict) else ""
        made = self._shaped(shape.CONNECTION, value, path, "connection")
        if made is None:
            return
        told = self._data.get("credentials")
        declared = list(told) if isinstance(told, dict) else []
        if made.credential is not None and made.credential not in declared:
            near = nearest(made.credential, declared)
            self._mistakes.add((*path, "credential"), f"no credential {made.credential!r}{near}")
            return
        if isinstance(made, shape.SynapseShape) and (made.subscription is None) != (made.resource_group is None):
            missing = "subscription" if made.subscription is None else "resource_group"
            self._mistakes.add((*path, missing), "is required beside the other: links need both or none")
        credential = self._credentials.get(made.credential, Credential()) if made.credential else Credential()
        fields = made.model_dump(exclude={"credential"})
        self._connections[name] = Connection(name=name, credential=credential, **fields)

    def _chain(self, name: str, value: Any) -> Chain | None:
        path = ("chains", name)
        head = self._shaped(shape.CHAIN_HEAD, value, path, "chain")
        raw = value.get("steps") if isinstance(value, dict) else None
        steps = self._steps(path, raw)
        if head is None:
            return None
        self._check_head(path, head)
        if not steps:
            return None
        definitions = [self._step(path, step, steps, head) for step in steps]
        schedule = head.schedule
        return Chain(
            name=name,
            description=head.description,
            deadline=None if head.deadline is None else deadline_of(head.deadline),
            schedule=None if schedule is None else Schedule(cron=schedule.cron, time_zone=schedule.time_zone),
            events=patterns_of(head.events),
            follows=follows_of(head, self._connections),
            max_running=head.max_running,
            overlap=head.overlap,
            parameters={key: _parameter(told) for key, told in head.parameters.items()},
            steps=tuple(definition for definition in definitions if definition is not None),
        )

    def _check_head(self, path: Path, head: shape.ChainHeadShape) -> None:
        if head.overlap != "wait" and head.max_running is None:
            self._mistakes.add((*path, "overlap"), "has no meaning without max_running; add max_running: 1")
        for name, parameter in head.parameters.items():
            problem = value_problem(parameter.default) if parameter is not None else None
            if problem is not None:
                self._mistakes.add((*path, "parameters", name, "default"), problem)
            if not name.isidentifier():
                self._mistakes.add(
                    (*path, "parameters", name), "a parameter's name has letters, digits and _ only"
                )
        check_events((*path, "events"), head.events, head.parameters, self._mistakes)
        if head.schedule is not None:
            check_schedule((*path, "schedule"), head.schedule, head, self._mistakes)
        if head.deadline is not None:
            check_deadline((*path, "deadline"), head.deadline, self._mistakes)
        check_follows(path, head, self._types, self._connections, self._mistakes)

    def _steps(self, path: Path, raw: Any) -> dict[str, shape.StepShape]:
        inner = (*path, "steps")
        if not isinstance(raw, dict) or not raw:
            if raw is not None:
                self._mistakes.add(inner, "must name at least one step")
            return {}
        if len(raw) > 80:
            self._mistakes.add(inner, f"has {len(raw)} steps; a chain may have 80")
        found = {}
        for name, value in raw.items():
            if not CHAIN_NAME.fullmatch(name):
                self._mistakes.add((*inner, name), "a name has letters, digits, - and _ (at most 63)")
            step = self._shaped(shape.STEP, value, (*inner, name), "step")
            if step is not None:
                found[name] = step
        check_steps(inner, found, raw.keys(), self._mistakes)
        check_size(inner, found, self._mistakes)
        return found

    def _step(
        self, path: Path, name: str, steps: Mapping[str, shape.StepShape], head: shape.ChainHeadShape
    ) -> StepDefinition | None:
        step = steps[name]
        inner = (*path, "steps", name)
        check_step(inner, step, self._types, self._mistakes)
        before = ancestors(name, steps)
        check_templates((*inner, "parameters"), step.parameters, head.parameters, before, self._mistakes)
        connection = self._connections.get(step.connection)
        return None if connection is None else _definition(name, step, connection)

    def _shaped(self, adapter: TypeAdapter[T], value: Any, path: Path, kind: str) -> T | None:
        """The value in its shape. Where some fields are wrong: what is left, so that it can be checked further."""
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            wrong = self._tell(error, value, path, kind)
        if kind not in ("step", "chain") or not isinstance(value, dict):
            return None
        left = {key: item for key, item in value.items() if key not in wrong}
        if "connection" in wrong:
            left["connection"] = UNKNOWN
        try:
            return adapter.validate_python(left)
        except ValidationError:
            return None

    def _tell(self, error: ValidationError, value: Any, path: Path, kind: str) -> set[str | int]:
        """Notes every finding; gives the fields that are wrong."""
        wrong: set[str | int] = set()
        for found in error.errors(include_url=False, include_input=False):
            place = found["loc"]
            if place and place[0] in shape.BY_KIND:  # the type of a connection or credential
                place = place[1:]
            wrong.update(place[:1])
            self._mistakes.add((*path, *place), in_words(found, HINTS, _fields_of(kind, found["loc"], value)))
        return wrong

    def _names_apart(self, chains: Mapping[str, Any]) -> None:
        seen: dict[str, str] = {}
        for name in chains:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                self._mistakes.add(("chains", name), f"differs from {other!r} only by case")


def _fields_of(kind: str, place: tuple[str | int, ...], value: Any) -> list[str]:
    """The fields that there are where an unknown one was found."""
    for part in reversed(place[:-1]):
        if part in shape.INNER:
            return list(shape.INNER[str(part)].model_fields)
    model = shape.BY_KIND.get(kind) or shape.BY_KIND.get(str(value.get("type") if isinstance(value, dict) else ""))
    return list(model.model_fields) if model else []


def _definition(name: str, step: shape.StepShape, connection: Connection) -> StepDefinition:
    return StepDefinition(
        name=name,
        connection=connection,
        after=step.after,
        pipeline=step.pipeline,
        dataset=step.dataset,
        refresh=_refresh(step.refresh),
        dataflow=step.dataflow,
        item=step.item,
        job_type=step.job_type,
        execution_data=step.execution_data,
        parameters=step.parameters,
        correlation=step.correlation,
        timeout_seconds=duration_seconds(step.timeout),
        retries=step.retries,
        retry_delay_seconds=duration_seconds(step.retry_delay),
    )


def _refresh(told: shape.RefreshShape | None) -> Refresh:
    if told is None:
        return Refresh()
    fields = told.model_dump(exclude_none=True)
    if told.objects is not None:
        fields["objects"] = tuple(item.model_dump(exclude_none=True) for item in told.objects)
    if told.timeout is not None:
        fields["timeout"] = clock_text(told.timeout)
    return Refresh(**fields)


def _parameter(told: shape.ParameterShape | None) -> Parameter:
    if told is None or "default" not in told.model_fields_set:
        return Parameter()
    return Parameter(required=False, default=told.default)
