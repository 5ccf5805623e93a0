"""Loading an app: what the host finds, and what it refuses because Azure would."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.host.errors import SetupError
from local.host.index import (
    EventGridTrigger,
    HttpTrigger,
    QueueTrigger,
    TimerTrigger,
    load_functions,
)
from local.host.options import HostOptions
from tests.host.running import APPS, SETTINGS

HEAD = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def problems_of(folder: Path, source: str, options: HostOptions | None = None) -> tuple[str, ...]:
    (folder / "function_app.py").write_text(HEAD + source)
    with pytest.raises(SetupError) as caught:
        load_functions(folder, SETTINGS, options)
    return caught.value.problems


def test_every_kind_of_trigger_is_found_with_its_settings_resolved() -> None:
    triggers = {entry.name: entry.trigger for entry in load_functions(APPS / "triggers", SETTINGS)}
    assert isinstance(triggers["show_record"], HttpTrigger)
    assert triggers["tick"] == TimerTrigger(schedule="0 0 3 * * *", run_on_startup=False, use_monitor=True)
    assert triggers["work"] == QueueTrigger(queue_name="work")
    assert triggers["on_event"] == EventGridTrigger()


def test_an_app_can_be_loaded_again() -> None:
    names = [[entry.name for entry in load_functions(APPS / "triggers", SETTINGS)] for _ in range(2)]
    assert names[0] == names[1]


def test_methods_and_levels_come_from_the_decorators() -> None:
    triggers = {entry.name: entry.trigger for entry in load_functions(APPS / "web", {})}
    guarded, files = triggers["guarded"], triggers["files"]
    assert isinstance(guarded, HttpTrigger)
    assert isinstance(files, HttpTrigger)
    assert (guarded.route.methods, guarded.auth_level) == (frozenset({"GET"}), "function")
    assert (files.route.methods, files.auth_level) == (None, "anonymous")


def test_a_parameter_that_no_binding_names_is_refused() -> None:
    with pytest.raises(SetupError) as caught:
        load_functions(APPS / "wrong_parameter", SETTINGS)
    assert caught.value.problems == (
        "function 'work': these parameters are declared in Python but bound by no decorator: msg",
        "function 'work': its trigger binds the parameter 'message', which the function does not have",
    )


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        """
@app.timer_trigger("timer", "0 0 0 * * 7")
def sunday(timer: func.TimerRequest) -> None: ...

@app.route("admin/things")
def things(req: func.HttpRequest) -> func.HttpResponse: ...

@app.queue_trigger("msg", "%MISSING%", "AzureWebJobsStorage")
def work(msg: func.QueueMessage) -> None: ...
""",
    )
    assert problems == (
        "function 'sunday': schedule '0 0 0 * * 7': day-of-week: 7 is not from 0 to 6",
        "function 'things': route 'admin/things' is reserved: it begins with admin or runtime",
        "function 'work': there is no app setting 'MISSING', which '%MISSING%' needs",
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            (
                '@app.route("a")\ndef one(req: func.HttpRequest) -> str: ...\n'
                '@app.route("b")\n@app.function_name("one")\ndef two(req: func.HttpRequest) -> str: ...\n'
            ),
            "does not have a unique function name",
        ),
        (
            (
                '@app.route("a")\ndef one(req: func.HttpRequest) -> str: ...\n'
                '@app.route("b")\ndef One(req: func.HttpRequest) -> str: ...\n'
            ),
            "functions 'one' and 'One': names must differ by more than their case",
        ),
        (
            (
                '@app.route("same/{a}", methods=["GET"])\ndef one(req: func.HttpRequest) -> str: ...\n'
                '@app.route("Same/{a}")\ndef two(req: func.HttpRequest) -> str: ...\n'
            ),
            "functions 'one' and 'two' share the route 'Same/{a}' and a method",
        ),
        ('@app.route("/lead")\ndef one(req: func.HttpRequest) -> str: ...\n', "must not begin with a slash"),
        ('@app.route("administration")\ndef one(req: func.HttpRequest) -> str: ...\n', "is reserved"),
        ('@app.route("Runtime")\ndef one(req: func.HttpRequest) -> str: ...\n', "is reserved"),
        ('@app.route("a/{b:odd}")\ndef one(req: func.HttpRequest) -> str: ...\n', "does not know the constraint"),
        (
            '@app.route("a/{b}.txt")\ndef one(req: func.HttpRequest) -> str: ...\n',
            "not a literal or one {parameter}",
        ),
        (
            '@app.route("a")\ndef one(req: func.QueueMessage) -> str: ...\n',
            "does not fit its binding 'httpTrigger'",
        ),
        ('@app.route("a")\ndef one(req: func.HttpRequest | None) -> str: ...\n', "is not a class"),
        ('@app.route("a")\ndef one(req: func.HttpRequest) -> dict: ...\n', "its return annotation must be"),
        ('@app.route("a")\ndef one(req: func.HttpRequest, context: str) -> str: ...\n', "must be annotated"),
        ('@app.route("a")\ndef one(req: "Nowhere") -> str: ...\n', "do not resolve"),
        ('@app.function_name("9lives")\n@app.route("a")\ndef one(req): ...\n', "must start with a letter"),
        ("other = func.FunctionApp()\n", "one FunctionApp under one name, not app, other"),
        ("again = app\n", "one FunctionApp under one name, not app, again"),
        ("del app\n", "no FunctionApp at its top level"),
        (
            '@app.blob_trigger("blob", "path", "AzureWebJobsStorage")\ndef one(blob): ...\n',
            "does not know the binding 'blobTrigger'",
        ),
        (
            '@app.route("a")\n@app.queue_output("out", "q", "AzureWebJobsStorage")\ndef one(req, out): ...\n',
            "does not know the binding 'queue'",
        ),
    ],
)
def test_what_azure_refuses_is_refused(tmp_path: Path, source: str, words: str) -> None:
    assert words in "\n".join(problems_of(tmp_path, source))


def test_without_an_extension_bundle_queue_functions_are_refused_as_azure_leaves_them_out(tmp_path: Path) -> None:
    source = (
        '@app.queue_trigger("msg", "q", "AzureWebJobsStorage")\ndef work(msg: func.QueueMessage) -> None: ...\n'
    )
    problems = problems_of(tmp_path, source, HostOptions(has_bundle=False))
    assert problems == (
        "function 'work': without extensionBundle in host.json, Azure does not load a queueTrigger",
    )


def test_the_same_route_with_other_methods_is_no_conflict(tmp_path: Path) -> None:
    source = (
        '@app.route("same", methods=["GET"])\ndef one(req: func.HttpRequest) -> str: ...\n'
        '@app.route("same", methods=["POST"])\ndef two(req: func.HttpRequest) -> str: ...\n'
    )
    (tmp_path / "function_app.py").write_text(HEAD + source)
    assert [entry.name for entry in load_functions(tmp_path, {})] == ["one", "two"]


def test_a_folder_without_function_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"there is no function_app\.py"):
        load_functions(tmp_path, {})


def test_blueprints_are_part_of_the_app(tmp_path: Path) -> None:
    source = (
        'bp = func.Blueprint()\n@bp.route("a")\ndef one(req: func.HttpRequest) -> str: ...\n'
        "app.register_functions(bp)\n"
    )
    (tmp_path / "function_app.py").write_text(HEAD + source)
    assert [entry.name for entry in load_functions(tmp_path, {})] == ["one"]
