"""Checks that a function's parameters fit its bindings, as Azure's worker does when it loads the app."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import azure.functions as func
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.http import HttpRequestConverter
from azure.functions.queue import QueueMessageInConverter
from azure.functions.timer import TimerRequestConverter

CONTEXT = "context"
_ACCEPTS: Mapping[str, Callable[[type], bool]] = {
    "httpTrigger": HttpRequestConverter.check_input_type_annotation,
    "timerTrigger": TimerRequestConverter.check_input_type_annotation,
    "queueTrigger": QueueMessageInConverter.check_input_type_annotation,
    "eventGridTrigger": EventGridEventInConverter.check_input_type_annotation,
}
TRIGGER_TYPES = frozenset(_ACCEPTS)


@dataclass(frozen=True, slots=True)
class Signature:
    """How to call a function. `wants_text`: its trigger parameter is annotated `str` and gets the raw payload."""

    wants_context: bool
    wants_text: bool
    problems: tuple[str, ...]


def check_signature(function: Callable[..., object], trigger_type: str, parameter: str) -> Signature:
    """`parameter` is the name that the trigger binds to."""
    try:
        annotations = typing.get_type_hints(function)
    except NameError as error:
        return Signature(
            wants_context=False, wants_text=False, problems=(f"its annotations do not resolve: {error}",)
        )
    declared = set(inspect.signature(function).parameters)
    wants_context = CONTEXT in declared and parameter != CONTEXT
    problems = _name_problems(declared - ({CONTEXT} if wants_context else set()), parameter)
    if wants_context:
        problems += _context_problems(annotations)
    if parameter in declared and parameter in annotations:
        problems += _trigger_problems(annotations[parameter], trigger_type, parameter)
    if trigger_type == "httpTrigger" and "return" in annotations:
        problems += _return_problems(annotations["return"])
    return Signature(
        wants_context=wants_context,
        wants_text=annotations.get(parameter) in (str, bytes),
        problems=tuple(problems),
    )


def _name_problems(declared: set[str], parameter: str) -> list[str]:
    problems = []
    unbound = sorted(declared - {parameter})
    if unbound:
        names = ", ".join(unbound)
        problems.append(f"these parameters are declared in Python but bound by no decorator: {names}")
    if parameter not in declared:
        problems.append(f"its trigger binds the parameter {parameter!r}, which the function does not have")
    return problems


def _context_problems(annotations: Mapping[str, object]) -> list[str]:
    annotation = annotations.get(CONTEXT, func.Context)
    if isinstance(annotation, type) and annotation.__name__ == "Context":
        return []
    return [f"its parameter 'context' must be annotated azure.functions.Context, not {annotation!r}"]


def _trigger_problems(annotation: object, trigger_type: str, parameter: str) -> list[str]:
    if not isinstance(annotation, type):
        return [f"the annotation of {parameter!r} is not a class: {annotation!r}"]
    fits_as_text = annotation in (str, bytes) and trigger_type != "httpTrigger"
    if fits_as_text or _ACCEPTS[trigger_type](annotation):
        return []
    return [f"the annotation {annotation.__name__!r} of {parameter!r} does not fit its binding {trigger_type!r}"]


def _return_problems(annotation: object) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, func.HttpResponse | str):
        return []
    return [f"its return annotation must be azure.functions.HttpResponse or str, not {annotation!r}"]
