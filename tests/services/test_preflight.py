"""Everything that can be missing at a service, switched on one by one: what health says, the step, and the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from local.simulated_azure.entra import Application
from local.simulated_azure.fabric_items import Item
from local.simulated_azure.faults import Fault
from local.simulated_azure.pipelines import Factory, Pipeline
from local.simulated_azure.power_bi import Dataset
from shared.app import Baton, build
from shared.core.run import Trigger
from shared.relay.start import start
from shared.services.reach import Reach
from shared.services.registry import Registry
from shared.storage.sqlite import SqliteStorage
from shared.web.health import health
from shared.work import on_message
from tests.services.conftest import DATASET, SUBSCRIPTION, WORKSPACE, Side
from tests.services.identity_world import ADDRESS, CLIENT, TENANT, VAULT, World

SECRET = "correct horse battery staple"
NOTEBOOK = "33333333-0000-0000-0000-000000000003"
PUBLIC_CLIENT = "11111111-1111-1111-1111-222222222222"
FILE = f"""
credentials:
  app: {{type: client_secret, tenant: {TENANT}, client_id: {CLIENT}, client_secret: "%APP_SECRET%"}}
  analyst: {{type: refresh_token, tenant: {TENANT}, client_id: {PUBLIC_CLIENT}, secret: "{ADDRESS}"}}
connections:
  adf: {{type: data_factory, subscription: {SUBSCRIPTION}, resource_group: rg, factory: f-1, credential: app}}
  syn: {{type: synapse, workspace: syn-1, credential: app}}
  fab: {{type: fabric, workspace: {WORKSPACE}, credential: app}}
  pbi: {{type: power_bi, workspace: {WORKSPACE}, credential: app}}
  person: {{type: power_bi, workspace: {WORKSPACE}, credential: analyst}}
chains:
  adf: {{steps: {{s: {{connection: adf, pipeline: LoadSales, parameters: {{day: mon}}, correlation: baton}}}}}}
  syn: {{steps: {{s: {{connection: syn, pipeline: LoadSales, parameters: {{day: mon}}, correlation: baton}}}}}}
  fab: {{steps: {{s: {{connection: fab, item: Features, job_type: RunNotebook}}}}}}
  pbi: {{steps: {{s: {{connection: pbi, dataset: {DATASET}}}}}}}
  person: {{steps: {{s: {{connection: person, dataset: {DATASET}}}}}}}
"""


@dataclass
class Preflight:
    """One world with a place of every type, and Baton over it with its own credentials."""

    world: World
    baton: Baton
    storage: SqliteStorage
    refresh_token: str

    @property
    def factory(self) -> Factory:
        return self.world.azure.data_factory.factory(SUBSCRIPTION, "rg", "f-1")

    @property
    def workspace(self) -> Factory:
        return self.world.azure.synapse.workspace("syn-1")

    def problems(self, connection: str) -> list[dict[str, str]]:
        told = json.loads(health(self.baton).body)["connections"]
        found: list[dict[str, str]] = next(each["problems"] for each in told if each["name"] == connection)
        return found

    def failed_step(self, chain: str) -> Any:
        """The step of a run of that chain, once the run has ended."""
        trigger = Trigger(type="http", time=self.world.now)
        run, _ = start(self.baton.world, self.baton.chains_file.chains[chain], trigger, {})
        queue = self.storage.queue("baton-work")
        for _ in range(20):
            for message in queue.receive(limit=32):
                on_message(self.baton.world, message.body)
                queue.delete(message)
            self.world.wait(seconds=1)
        held = self.baton.world.runs.load(run.id)
        assert held is not None
        return held.run.step("s")


@pytest.fixture
def preflight(tmp_path: Path) -> Preflight:
    world = World(application=Application(tenant=TENANT, client_id=CLIENT, client_secret=SECRET))
    person = Application(tenant=TENANT, client_id=PUBLIC_CLIENT)
    world.entra.applications.append(person)
    _, token = world.entra.sign_in(person)
    world.azure.key_vault.put(VAULT, "analyst", token)
    azure = world.azure
    for place in (azure.data_factory.factory(SUBSCRIPTION, "rg", "f-1"), azure.synapse.workspace("syn-1")):
        place.pipelines["LoadSales"] = Pipeline("LoadSales", parameters={"day": None, "baton": ""})
    azure.power_bi.dataset(WORKSPACE, Dataset(DATASET, "Sales", seconds=60))
    azure.fabric.item(WORKSPACE, Item(NOTEBOOK, "Features", "Notebook", seconds=60))
    (tmp_path / "chains.yaml").write_text(FILE)
    host = world.host(APP_SECRET=SECRET)
    storage = SqliteStorage(None, clock=lambda: world.now.astimezone(UTC))
    made = build(host.settings, storage=storage, root=tmp_path, session=host.session, clock=lambda: world.now)
    reach = Reach(settings=host.settings, identities=host, session=host.session, clock=lambda: world.now)
    baton = replace(made, world=replace(made.world, services=Registry(reach)), identities=host)
    return Preflight(world, baton, storage, token)


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong: how it comes about, where it shows, and what must be said of it everywhere."""

    name: str
    act: Callable[[Preflight], object]
    chain: str
    code: str
    words: tuple[str, ...]


def _over(number: int) -> Callable[[Preflight], None]:
    def act(preflight: Preflight) -> None:
        preflight.world.entra.sign_ins[0].over = number

    return act


def _rename(at: str) -> Callable[[Preflight], None]:
    def act(preflight: Preflight) -> None:
        pipelines = getattr(preflight, at).pipelines
        pipelines["LoadSale"] = replace(pipelines.pop("LoadSales"), name="LoadSale")

    return act


def _no_role(at: str) -> Callable[[Preflight], None]:
    return lambda preflight: setattr(getattr(preflight, at), "no_role", True)


def _fabric_role(role: str | None) -> Callable[[Preflight], None]:
    return lambda preflight: setattr(preflight.world.azure.fabric.workspace(WORKSPACE), "role", role)


def _needs_region(at: str) -> Callable[[Preflight], None]:
    def act(preflight: Preflight) -> None:
        getattr(preflight, at).pipelines["LoadSales"].parameters = {"day": None, "baton": "", "region": None}

    return act


SECRET_PLACE = ("the app setting APP_SECRET", "credential 'app'")
SIGN_IN = ("credential 'analyst'", "Sign in again: python -m local login analyst")
WRONG = (
    *(
        Wrong(
            f"expired_secret_{chain}",
            lambda p: setattr(p.world.application, "secret_expired", True),
            chain,
            "unauthorized",
            ("AADSTS7000222", "The client secret has expired", *SECRET_PLACE),
        )
        for chain in ("adf", "syn", "fab", "pbi")
    ),
    Wrong(
        "wrong_secret",
        lambda p: setattr(p.world.application, "client_secret", "another one"),
        "adf",
        "unauthorized",
        ("AADSTS7000215", "The client secret is wrong", *SECRET_PLACE),
    ),
    Wrong("unused_sign_in", _over(700082), "person", "unauthorized", ("AADSTS700082", "90 days", *SIGN_IN)),
    Wrong("revoked_sign_in", _over(70008), "person", "unauthorized", ("AADSTS70008", "or was revoked", *SIGN_IN)),
    Wrong(
        "no_role_adf",
        _no_role("factory"),
        "adf",
        "forbidden",
        ("AuthorizationFailed", "role at factory f-1", "Baton pipeline runner", "Data Factory Contributor"),
    ),
    Wrong(
        "no_role_syn",
        _no_role("workspace"),
        "syn",
        "forbidden",
        ("Synapse roles (not Azure roles) at workspace syn-1", "Synapse Monitoring Operator", "Credential User"),
    ),
    Wrong(
        "no_role_fab",
        _fabric_role(None),
        "fab",
        "forbidden",
        ("InsufficientPrivileges", f"Add the identity to workspace {WORKSPACE} as Contributor"),
    ),
    Wrong(
        "viewer_fab",
        _fabric_role("Viewer"),
        "fab",
        "forbidden",
        (f"Add the identity to workspace {WORKSPACE} as Contributor",),
    ),
    Wrong(
        "no_role_pbi",
        lambda p: p.world.azure.power_bi.workspaces.clear(),
        "pbi",
        "not_found",
        ("PowerBIEntityNotFound", f"Add the identity to workspace {WORKSPACE} as Contributor"),
    ),
    Wrong(
        "tenant_fab",
        lambda p: setattr(p.world.azure.fabric, "tenant_allows", False),
        "fab",
        "unauthorized",
        ("tenant setting 'Service principals can use Fabric APIs'", "Fabric administrator"),
    ),
    Wrong(
        "tenant_pbi",
        lambda p: setattr(p.world.azure.power_bi, "tenant_allows", False),
        "pbi",
        "unauthorized",
        ("PowerBINotAuthorizedException", "tenant setting 'Service principals can use Fabric APIs'"),
    ),
    *(
        Wrong(
            f"unknown_pipeline_{chain}",
            _rename(place),
            chain,
            "not_found",
            ("There is no pipeline 'LoadSales'", "did you mean 'LoadSale'?"),
        )
        for chain, place in (("adf", "factory"), ("syn", "workspace"))
    ),
    Wrong(
        "no_factory",
        lambda p: p.world.azure.data_factory.factories.clear(),
        "adf",
        "not_found",
        ("There is no factory f-1 in resource group rg", "check the connection's fields"),
    ),
    Wrong(
        "unknown_item",
        lambda p: setattr(p.world.azure.fabric.workspace(WORKSPACE).items[NOTEBOOK], "name", "Feature"),
        "fab",
        "not_found",
        ("There is no Notebook named 'Features'", "did you mean 'Feature'?"),
    ),
    Wrong(
        "unknown_dataset",
        lambda p: p.world.azure.power_bi.workspaces[WORKSPACE].clear(),
        "pbi",
        "not_found",
        (DATASET, "PowerBIEntityNotFound", f"There is no such semantic model in workspace {WORKSPACE}"),
    ),
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_what_is_wrong_is_told_by_health_by_the_step_and_in_the_log_with_its_remedy_and_no_secret(
    preflight: Preflight, wrong: Wrong, caplog: pytest.LogCaptureFixture
) -> None:
    wrong.act(preflight)
    with caplog.at_level("DEBUG"):
        [problem] = preflight.problems(wrong.chain)
        caplog.clear()
        step = preflight.failed_step(wrong.chain)
    lines = [record.getMessage() for record in caplog.records]
    [line] = [each for each in lines if "action=start_refused" in each]
    assert problem["code"] == step.error.code == wrong.code
    assert step.status == "failed"
    for words in wrong.words:
        for told in (problem["message"], step.error.message, line):
            assert words in told
    _assert_no_secret(preflight, "\n".join([json.dumps(problem), step.error.message, *lines]))


def test_all_is_well_where_nothing_is_wrong(preflight: Preflight) -> None:
    answer = health(preflight.baton)
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "ok")


@pytest.mark.parametrize(("chain", "place"), [("adf", "factory"), ("syn", "workspace")])
def test_a_parameter_that_nobody_gives_is_told_before_the_service_refuses_it(
    preflight: Preflight, caplog: pytest.LogCaptureFixture, chain: str, place: str
) -> None:
    _needs_region(place)(preflight)
    [problem] = preflight.problems(chain)
    assert problem["code"] == "missing_parameter"
    assert "Pipeline 'LoadSales' needs parameter 'region' (String, without a default)" in problem["message"]
    assert "step 's' does not give it" in problem["message"]
    step = preflight.failed_step(chain)
    assert step.error.code == "bad_request"
    for told in (step.error.message, caplog.text):
        assert "The value of parameter 'region' is missing" in told
        assert "/api/health" in told


@pytest.mark.parametrize(("chain", "place"), [("adf", "factory"), ("syn", "workspace")])
def test_a_parameter_that_the_pipeline_does_not_declare_is_told_with_the_nearest(
    preflight: Preflight, chain: str, place: str
) -> None:
    getattr(preflight, place).pipelines["LoadSales"].parameters = {"days": "tue"}
    problems = preflight.problems(chain)
    assert [problem["code"] for problem in problems] == ["unknown_parameter", "unknown_parameter"]
    assert (
        "gives parameter 'day', which pipeline 'LoadSales' does not declare; did you mean 'days'?"
        in (problems[0]["message"])
    )
    assert "says correlation: baton" in problems[1]["message"]


def test_a_missing_model_and_one_that_cannot_be_refreshed_are_told_apart(preflight: Preflight) -> None:
    preflight.world.azure.power_bi.workspaces[WORKSPACE][DATASET].refreshable = False
    [problem] = preflight.problems("pbi")
    assert problem["code"] == "not_refreshable"


def test_a_viewer_of_a_power_bi_workspace_is_told_the_role_when_a_refresh_is_refused(preflight: Preflight) -> None:
    preflight.world.azure.power_bi.viewing.add(WORKSPACE)
    step = preflight.failed_step("pbi")
    assert step.error.code == "forbidden"
    assert "as Contributor" in step.error.message


def test_the_list_of_pipelines_is_read_once_and_only_where_one_is_missing(side: Side) -> None:
    good = side.step(parameters={"day": "mon"})
    assert side.service.check([good]) == []
    assert side.calls("list_pipelines") == 0
    found = side.service.check([good, *(replace(good, pipeline=name) for name in ("Q", "R", "P2"))])
    assert [problem.code for problem in found] == ["not_found", "not_found", "not_found"]
    assert side.calls("list_pipelines") == 1


def test_a_list_of_pipelines_that_is_not_to_be_had_leaves_the_problem_standing(side: Side) -> None:
    side.fails("list_pipelines", status=503)
    [problem] = side.service.check([side.step(pipeline="Q")])
    assert problem.code == "not_found"
    assert "There is no pipeline 'Q'" in problem.message


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_trouble_that_every_call_meets_is_told_once(side: Side, status: int) -> None:
    side.fails("get_pipeline", status=status)
    steps = [side.step(pipeline=name, parameters={"day": "mon"}) for name in ("A", "B", "C")]
    assert len(side.service.check(steps)) == 1


STARTS = "Microsoft.DataFactory/factories/pipelines/createRun/action"
WATCHES = ("*/read", "Microsoft.DataFactory/factories/querypipelineruns/*")


def test_a_role_that_may_watch_and_start_nothing_is_told_before_a_start_is_refused(preflight: Preflight) -> None:
    preflight.factory.actions = (*WATCHES, "Microsoft.DataFactory/factories/pipelineruns/*")
    [problem] = preflight.problems("adf")
    assert problem["code"] == "forbidden"
    assert "factory f-1 lack pipelines/createrun/action." in problem["message"]
    assert "Data Factory Contributor" in problem["message"]
    step = preflight.failed_step("adf")
    assert step.error.code == "forbidden"
    assert "Data Factory Contributor" in step.error.message
    preflight.factory.actions = (*WATCHES, "microsoft.datafactory/factories/pipelineruns/*", STARTS)
    assert preflight.problems("adf") == []


def test_an_identity_that_may_not_ask_for_its_rights_has_none_missing(preflight: Preflight) -> None:
    preflight.factory.actions = (*WATCHES, STARTS)
    preflight.factory.shows_permissions = False
    assert preflight.problems("adf") == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("data_factory.permissions", status=200, body="no JSON"),
        Fault("data_factory.permissions", status=200, body="[]"),
        Fault("data_factory.permissions", status=200, body='{"value": []}'),
        Fault("data_factory.permissions", status=503),
        Fault("data_factory.permissions", lost=True),
    ],
)
def test_rights_that_are_told_badly_are_no_problem(preflight: Preflight, fault: Fault) -> None:
    preflight.world.azure.faults.on.append(fault)
    assert preflight.problems("adf") == []


def test_what_one_role_leaves_out_another_may_give(preflight: Preflight) -> None:
    owner = {"actions": ["*"], "notActions": ["Microsoft.DataFactory/factories/pipelines/createrun/action"]}
    runner = {"actions": [STARTS], "notActions": []}
    for roles, count in (([owner], 1), ([owner, runner], 0)):
        fault = Fault("data_factory.permissions", status=200, body=json.dumps({"value": roles}), times=1)
        preflight.world.azure.faults.on.append(fault)
        assert len(preflight.problems("adf")) == count


def test_a_workspaces_role_that_cannot_be_learned_is_no_problem(preflight: Preflight) -> None:
    preflight.world.azure.faults.on.append(Fault("fabric.workspaces", status=403))
    assert preflight.problems("fab") == []


def _assert_no_secret(preflight: Preflight, told: str) -> None:
    for secret in (SECRET, "another one", preflight.refresh_token, "simulated-refresh-token"):
        assert secret not in told
    assert not re.search(r"Bearer \S|\|\d{9}", told)
