"""Finds the functions of an app, and refuses what Azure would refuse, with every mistake named at once."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import azure.functions as func

from local.host.errors import SetupError
from local.host.ncrontab import ScheduleError, parse
from local.host.options import HostOptions
from local.host.routes import Route, RouteError, parse_route
from local.host.signature import TRIGGER_TYPES, check_signature

SCRIPT = "function_app.py"
_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
_SETTING = re.compile(r"%([^%]+)%")
_RESERVED = ("admin", "runtime")
_NEEDS_BUNDLE = ("queueTrigger", "eventGridTrigger")

Binding = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """`auth_level` is `anonymous`, `function` or `admin`."""

    route: Route
    auth_level: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """`schedule` is NCRONTAB, settings resolved."""

    schedule: str
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """`queue_name` has its settings resolved. Its connection is of no interest here: storage is passed in."""

    queue_name: str


@dataclass(frozen=True, slots=True)
class EventGridTrigger:
    """Has no settings of its own."""


Trigger = HttpTrigger | TimerTrigger | QueueTrigger | EventGridTrigger


@dataclass(frozen=True, slots=True)
class FunctionEntry:
    """One function. `parameter` is the one that gets the trigger's payload; `wants_text`: as raw text."""

    name: str
    function: Callable[..., object]
    trigger: Trigger
    parameter: str
    wants_context: bool
    wants_text: bool
    is_async: bool
    directory: Path


def load_functions(
    app_root: Path, settings: Mapping[str, str], options: HostOptions | None = None
) -> tuple[FunctionEntry, ...]:
    """Imports `function_app.py` of the folder anew and reads its one FunctionApp.

    Raises SetupError; an exception of the app's own import comes out as it is.
    """
    options = options or HostOptions()
    functions = _declared(_only_app(_import_app(app_root)))
    problems: list[str] = []
    entries = []
    for function in functions:
        try:
            entries.append(_entry(function, settings, options, app_root))
        except SetupError as error:
            problems += [f"function {function.get_function_name()!r}: {problem}" for problem in error.problems]
    problems += _conflicts(entries)
    if problems:
        raise SetupError(problems)
    return tuple(entries)


def _import_app(app_root: Path) -> ModuleType:
    script = app_root / SCRIPT
    if not script.is_file():
        raise SetupError([f"there is no {SCRIPT} in {app_root}"])
    if str(app_root) not in sys.path:
        sys.path.insert(0, str(app_root))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise SetupError([f"{SCRIPT} cannot be imported"])
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def _only_app(module: ModuleType) -> func.FunctionApp:
    names = [name for name, value in vars(module).items() if isinstance(value, func.FunctionRegister)]
    if len(names) == 1:
        app: func.FunctionApp = getattr(module, names[0])
        return app
    if names:
        raise SetupError([f"{SCRIPT} must hold one FunctionApp under one name, not {', '.join(names)}"])
    raise SetupError([f"{SCRIPT} has no FunctionApp at its top level"])


def _declared(app: func.FunctionApp) -> Sequence[func.Function]:
    try:
        return app.get_functions()
    except ValueError as error:
        raise SetupError([str(error)]) from error


def _entry(
    function: func.Function, settings: Mapping[str, str], options: HostOptions, app_root: Path
) -> FunctionEntry:
    name = function.get_function_name() or ""
    if _FUNCTION_NAME.fullmatch(name) is None:
        raise SetupError(
            ["its name must start with a letter and hold letters, digits, - and _ only (128 at most)"]
        )
    bindings: list[Binding] = [json.loads(raw) for raw in function.get_raw_bindings()]
    binding = _only_trigger(bindings)
    parameter = str(binding["name"])
    user_function = function.get_user_function()
    signature = check_signature(user_function, str(binding["type"]), parameter)
    if signature.problems:
        raise SetupError(signature.problems)
    return FunctionEntry(
        name=name,
        function=user_function,
        trigger=_trigger(binding, settings, options),
        parameter=parameter,
        wants_context=signature.wants_context,
        wants_text=signature.wants_text,
        is_async=inspect.iscoroutinefunction(user_function),
        directory=app_root,
    )


def _only_trigger(bindings: Iterable[Binding]) -> Binding:
    triggers = [binding for binding in bindings if binding["name"] != "$return"]
    strangers = sorted({str(binding["type"]) for binding in triggers} - TRIGGER_TYPES)
    if strangers:
        raise SetupError([f"this host does not know the binding {name!r}" for name in strangers])
    if len(triggers) != 1:
        raise SetupError([f"it has {len(triggers)} triggers, not one"])
    return triggers[0]


def _trigger(binding: Binding, settings: Mapping[str, str], options: HostOptions) -> Trigger:
    kind = binding["type"]
    if kind in _NEEDS_BUNDLE and not options.has_bundle:
        raise SetupError([f"without extensionBundle in host.json, Azure does not load a {kind}"])
    if kind == "httpTrigger":
        return _http_trigger(binding, options)
    if kind == "timerTrigger":
        return _timer_trigger(binding, settings)
    if kind == "queueTrigger":
        return QueueTrigger(queue_name=resolve(str(binding["queueName"]), settings))
    return EventGridTrigger()


def _http_trigger(binding: Binding, options: HostOptions) -> HttpTrigger:
    template = str(binding["route"])
    if template.startswith("/"):
        raise SetupError([f"route {template!r} must not begin with a slash"])
    if template.lower().startswith(_RESERVED):
        raise SetupError([f"route {template!r} is reserved: it begins with {' or '.join(_RESERVED)}"])
    methods = binding.get("methods")
    allowed = frozenset(str(method).upper() for method in methods) if isinstance(methods, list) else None
    try:
        route = parse_route(template, allowed, prefix=options.route_prefix)
    except RouteError as error:
        raise SetupError([f"route {error}"]) from error
    return HttpTrigger(route=route, auth_level=str(binding.get("authLevel", "FUNCTION")).lower())


def _timer_trigger(binding: Binding, settings: Mapping[str, str]) -> TimerTrigger:
    schedule = resolve(str(binding["schedule"]), settings)
    try:
        parse(schedule)
    except ScheduleError as error:
        raise SetupError([f"schedule {schedule!r}: {error}"]) from error
    return TimerTrigger(
        schedule=schedule,
        run_on_startup=bool(binding.get("runOnStartup", False)),
        use_monitor=bool(binding.get("useMonitor", True)),
    )


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """The text with every `%NAME%` replaced by that app setting. Raises SetupError when one is missing."""
    missing = [name for name in _SETTING.findall(text) if name not in settings]
    if missing:
        raise SetupError([f"there is no app setting {name!r}, which {text!r} needs" for name in missing])
    return _SETTING.sub(lambda match: settings[match.group(1)], text)


def _conflicts(entries: Sequence[FunctionEntry]) -> Iterator[str]:
    for index, entry in enumerate(entries):
        for earlier in entries[:index]:
            if earlier.name.lower() == entry.name.lower():
                yield f"functions {earlier.name!r} and {entry.name!r}: names must differ by more than their case"
            if isinstance(earlier.trigger, HttpTrigger) and isinstance(entry.trigger, HttpTrigger):
                yield from _route_conflict(earlier, earlier.trigger.route, entry, entry.trigger.route)


def _route_conflict(earlier: FunctionEntry, one: Route, later: FunctionEntry, other: Route) -> Iterator[str]:
    shared_methods = one.methods is None or other.methods is None or bool(one.methods & other.methods)
    if one.template.lower() == other.template.lower() and shared_methods:
        yield f"functions {earlier.name!r} and {later.name!r} share the route {other.template!r} and a method"
