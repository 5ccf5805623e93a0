"""`events` of a chain: their shape, what is wrong with them, and the patterns that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from shared.chains_file.mistakes import Mistakes, Path, nearest
from shared.core.definition import EventPattern
from shared.core.templates import EVENT_NAMES
from shared.core.templates import check as check_template
from shared.core.values import value_problem

if TYPE_CHECKING:
    from shared.chains_file.shape import ParameterShape

MOST_PATTERNS = 50
_Pattern = Annotated[StrictStr, Field(min_length=1, max_length=2_048)]


class EventShape(BaseModel):
    """Events that start a run: those of which all that stands here is true. `*` is any text."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    type: Annotated[_Pattern, Field(examples=["Microsoft.Storage.BlobCreated"])]
    source: Annotated[_Pattern | None, Field(description="What sent it; Event Grid's `topic`.")] = None
    subject: Annotated[
        _Pattern | None, Field(examples=["/blobServices/default/containers/landing/blobs/*.csv"])
    ] = None
    data: Annotated[
        dict[str, Any],
        Field(description="By field of the event's data (`essentials.severity`): its value, or a list of values."),
    ] = {}
    parameters: Annotated[
        dict[str, Any],
        Field(
            description="The run's parameters. Texts may be templates over `event`.",
            examples=[{"file": "{{ event.data.url }}"}],
        ),
    ] = {}


def check_events(
    path: Path,
    events: Sequence[EventShape],
    parameters: Mapping[str, ParameterShape | None],
    mistakes: Mistakes,
) -> None:
    """Values that can be compared, templates over `event`, and that nobody else is needed to say a parameter."""
    if len(events) > MOST_PATTERNS:
        mistakes.add(path, f"has {len(events)} patterns; a chain may have {MOST_PATTERNS}")
    for index, event in enumerate(events):
        place = (*path, index)
        for field, wanted in event.data.items():
            _check_field((*place, "data", field), field, wanted, mistakes)
        _check_parameters((*place, "parameters"), event.parameters, parameters, mistakes)


def _check_field(path: Path, field: str, wanted: Any, mistakes: Mistakes) -> None:
    if not all(field.split(".")):
        mistakes.add(path, "must be names with single dots between them, like essentials.severity")
    if field.startswith("data."):
        mistakes.add(path, f"is looked for within the event's data; did you mean {field.removeprefix('data.')!r}?")
    options = wanted if isinstance(wanted, list) else [wanted]
    if not options or any(isinstance(one, dict | list) for one in options):
        mistakes.add(path, "must be a text, a number, true, false, null, or a list of these")
    elif (problem := value_problem(options)) is not None:
        mistakes.add(path, problem)
    elif any(isinstance(one, str) and "{{" in one for one in options):
        mistakes.add(path, "is compared as it is; templates belong in parameters")


def _check_parameters(
    path: Path, given: Mapping[str, Any], declared: Mapping[str, ParameterShape | None], mistakes: Mistakes
) -> None:
    for name, value in given.items():
        if name not in declared:
            mistakes.add((*path, name), f"the chain has no parameter {name!r}{nearest(name, declared)}")
        elif (problem := value_problem(value)) is not None:
            mistakes.add((*path, name), problem)
        else:
            _check_templates((*path, name), value, mistakes)
    for name, parameter in declared.items():
        required = parameter is None or "default" not in parameter.model_fields_set
        if required and name not in given:
            mistakes.add(path, f"must give {name!r}: it has no default, and an event has nobody to say it")


def _check_templates(path: Path, value: Any, mistakes: Mistakes) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_templates((*path, key), item, mistakes)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_templates((*path, index), item, mistakes)
    elif isinstance(value, str) and "{" in value:
        for text in check_template(value, parameters=(), steps=(), names=EVENT_NAMES):
            mistakes.add(path, text)


def patterns_of(events: Sequence[EventShape]) -> tuple[EventPattern, ...]:
    """As the relay matches them."""
    return tuple(
        EventPattern(
            type=event.type,
            source=event.source,
            subject=event.subject,
            data=event.data,
            parameters=event.parameters,
        )
        for event in events
    )
