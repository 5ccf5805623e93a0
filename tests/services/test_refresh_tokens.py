"""A refresh token in Key Vault: renewed for ever, by several hosts at once, whatever breaks, and never lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.entra import Application
from local.simulated_azure.faults import Fault
from shared.core.errors import RefusedError, TryLaterError
from tests.services.identity_world import ADDRESS, ANALYST, CLIENT, SCOPE, TENANT, VAULT, Host, World
from tests.simulation.luck import Luck
from tests.simulation.scheduler import CrashError, Scheduler, Weather

FABRIC = "https://api.fabric.microsoft.com/.default"
SIGN_IN = "python -m local login analyst"


@pytest.fixture
def world() -> World:
    return signed_in(World())


def signed_in(world: World, *, renewals_kept: int | None = None) -> World:
    """Somebody has signed in, and stored the token by hand."""
    _, token = world.entra.sign_in(world.application, renewals_kept=renewals_kept)
    world.azure.key_vault.put(VAULT, "analyst", token)
    return world


def test_one_sign_in_gets_tokens_for_every_service_and_keeps_them(world: World) -> None:
    identity = world.host().of(ANALYST)
    assert identity.bearer(SCOPE).startswith("Bearer https://management.azure.com|")
    assert identity.bearer(FABRIC).startswith("Bearer https://api.fabric.microsoft.com|")
    world.wait(minutes=54)
    assert identity.bearer(SCOPE)
    assert world.entra.redeemed == 2
    world.wait(minutes=2)  # less than five minutes are left
    assert identity.bearer(SCOPE)
    assert world.entra.redeemed == 3


def test_the_new_token_is_in_key_vault_before_anything_is_used(world: World) -> None:
    world.host().of(ANALYST).bearer(SCOPE)
    (sign_in,) = world.entra.sign_ins
    assert world.versions() == list(sign_in.tokens), "both, the newest last"
    newest = world.vault.secrets["analyst"][-1]
    assert newest.tags["baton_renewals"] == "1"
    assert newest.expires == int((world.now + timedelta(days=90)).timestamp())


def test_without_the_right_to_write_no_token_is_used_and_nothing_is_lost(world: World) -> None:
    world.vault.may_write = False
    host = world.host()
    for _ in range(3):
        with pytest.raises(RefusedError, match=r"may not write.*Key Vault Secrets Officer"):
            host.of(ANALYST).bearer(SCOPE)
    assert world.entra.redeemed == 1, "what could not be saved is kept, not asked for again and again"
    world.vault.may_write = True
    assert host.of(ANALYST).bearer(SCOPE)
    assert len(world.versions()) == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_save_without_an_answer_is_made_up_for(world: World, when: Any) -> None:
    world.azure.faults.on.append(Fault("key_vault.set", when=when, lost=True, times=1))
    host = world.host()
    with pytest.raises(TryLaterError):
        host.of(ANALYST).bearer(SCOPE)
    assert host.of(ANALYST).bearer(SCOPE)
    assert world.versions()[-1] == list(world.entra.sign_ins[0].tokens)[-1]


def test_a_crash_between_renewing_and_saving_costs_nothing(world: World) -> None:
    world.azure.faults.on.append(Fault("key_vault.set", lost=True, times=1))
    with pytest.raises(TryLaterError):
        world.host().of(ANALYST).bearer(SCOPE)
    assert len(world.versions()) == 1
    assert world.host().of(ANALYST).bearer(SCOPE), "another process, with the old token"


def test_a_token_that_another_host_has_renewed_is_read_again(world: World) -> None:
    world.entra.sign_ins[0].renewals_kept = 1  # stricter than Entra: the old one dies at once
    slow = world.host(_Interrupted(world, "POST", lambda: world.host().of(ANALYST).bearer(FABRIC)))
    assert slow.of(ANALYST).bearer(SCOPE)
    assert world.entra.sign_ins[0].newest == 2


def test_a_slow_host_does_not_write_an_older_token_over_a_newer_one(world: World) -> None:
    other = world.host()

    def hours_pass() -> None:
        for _ in range(5):
            world.wait(hours=1)
            other.of(ANALYST).bearer(SCOPE)

    slow = world.host(_Interrupted(world, "GET", hours_pass, after="POST"))  # at the look before the save
    assert slow.of(ANALYST).bearer(SCOPE)
    assert world.vault.secrets["analyst"][-1].tags["baton_renewals"] == "5"


def test_a_new_sign_in_is_never_written_over(world: World) -> None:
    host = world.host()
    for _ in range(5):
        host.of(ANALYST).bearer(SCOPE)
        world.wait(hours=1)
    _, token = world.entra.sign_in(world.application)

    def somebody_signs_in() -> None:
        world.host().refresh_store(ANALYST).begin(token)

    slow = world.host(_Interrupted(world, "POST", somebody_signs_in))
    assert slow.of(ANALYST).bearer(SCOPE)
    assert world.versions()[-1] == token


@pytest.mark.parametrize("number", [70008, 700082, 50173, 70043, 50076, 50079])
def test_a_sign_in_that_is_over_says_who_must_do_what(world: World, number: int) -> None:
    world.entra.sign_ins[0].over = number
    with pytest.raises(RefusedError, match=f"'analyst'.*Sign in again: {SIGN_IN}.*AADSTS{number}") as told:
        world.host().of(ANALYST).bearer(SCOPE)
    assert told.value.code == "unauthorized"


def test_before_the_first_sign_in_the_command_is_told(world: World) -> None:
    world.vault.secrets.clear()
    with pytest.raises(RefusedError, match=f"no refresh token at {ADDRESS} yet. Sign in: {SIGN_IN}"):
        world.host().of(ANALYST).bearer(SCOPE)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("identity.token", status=503), "credential 'analyst'"),
        (Fault("identity.token", status=429, retry_after="9"), "credential 'analyst'"),
        (Fault("identity.token", lost=True), "No answer when asking for a token"),
        (Fault("identity.token", aadsts=90033), "just now"),
        (Fault("identity.discovery", lost=True), "No answer when asking for a token"),
    ],
)
def test_trouble_at_entra_is_no_verdict_on_the_sign_in(world: World, fault: Fault, words: str) -> None:
    world.azure.faults.on.append(fault)
    host = world.host()
    with pytest.raises(TryLaterError, match=words) as told:
        host.of(ANALYST).bearer(SCOPE)
    assert told.value.after_seconds == (9 if fault.retry_after else None)
    world.azure.faults.on.clear()
    world.wait(hours=1)


def test_a_web_application_shows_its_secret(world: World) -> None:
    world.application.client_secret = "web secret"
    web = replace(ANALYST, client_secret_setting="WEB_SECRET")
    assert world.host(WEB_SECRET="web secret").of(web).bearer(SCOPE)
    with pytest.raises(RefusedError, match="WEB_SECRET"):
        world.host(WEB_SECRET="wrong").of(web).bearer(SCOPE)
    with pytest.raises(RefusedError, match="Entra wants a client secret"):
        world.host().of(ANALYST).bearer(SCOPE)


def test_a_tenant_that_is_not_there_is_told(world: World) -> None:
    with pytest.raises(RefusedError, match="no such tenant"):
        world.host().of(replace(ANALYST, tenant="tenant-2")).bearer(SCOPE)


def test_a_token_unused_for_two_months_is_warned_of(world: World) -> None:
    host = world.host()
    assert host.of(ANALYST).bearer(SCOPE)
    assert not host.of(ANALYST).warnings()
    world.wait(days=70)
    (warning,) = host.of(ANALYST).warnings()
    assert warning.code == "expires_soon"
    assert SIGN_IN in warning.message


def test_no_refresh_token_is_in_any_log_or_error(world: World, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    with caplog.at_level("DEBUG"):
        host = world.host()
        host.of(ANALYST).bearer(SCOPE)
        world.entra.sign_ins[0].over = 50173
        with pytest.raises(RefusedError) as refused:
            host.of(ANALYST).bearer(FABRIC)
        told += [str(refused.value), repr(refused.value), repr(host.refresh_store(ANALYST).read())]
    shown = "\n".join([*told, *(record.getMessage() for record in caplog.records)])
    assert "simulated-refresh-token" not in shown
    assert "https://management.azure.com|" not in shown


def test_a_hundred_renewals_by_two_hosts_at_the_same_moment_lose_nothing() -> None:
    world = signed_in(World(), renewals_kept=3)
    hosts = [world.host(), world.host()]
    together = threading.Barrier(2)

    def renew(host: Host) -> str:
        together.wait(30)
        return host.of(ANALYST).bearer(SCOPE)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(60):
            assert all(token for token in pool.map(renew, hosts))
            world.wait(hours=1)
    assert world.entra.redeemed >= 100
    assert world.host().of(ANALYST).bearer(SCOPE), "a third host starts with what is in Key Vault"


@pytest.mark.parametrize("seed", range(8))
def test_a_hundred_renewals_survive_crashes_in_strict_mode(seed: int) -> None:
    """An older token dies when two renewals have followed it, and hosts die at any request."""
    fleet = Fleet(seed, Weather(crash=0.02, switch=0.5), renewals_kept=2)
    fleet.renew(times=75)
    assert fleet.refusals == []
    assert fleet.crashes > 0
    assert fleet.world.entra.redeemed >= 100
    assert fleet.world.host().of(ANALYST).bearer(SCOPE)


@pytest.mark.parametrize("seed", range(4))
def test_hosts_that_freeze_for_hours_and_crash_lose_nothing_as_entra_is(seed: int) -> None:
    """Between any two requests the other host may renew many times; old tokens stay good."""
    weather = Weather(crash=0.01, freeze=0.05, most_frozen_seconds=20_000, switch=0.5)
    fleet = Fleet(seed, weather, renewals_kept=None)
    fleet.renew(times=75)
    assert fleet.refusals == []
    assert fleet.world.entra.redeemed >= 100
    assert fleet.world.host().of(ANALYST).bearer(SCOPE)


@dataclass
class Fleet:
    """Two hosts that each want a token every hour, in one thread, interleaved at every request."""

    seed: int
    weather: Weather
    renewals_kept: int | None
    crashes: int = 0
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(Luck(self.seed), weather=self.weather)
        self.world = World(application=Application(tenant=TENANT, client_id=CLIENT), now=self.scheduler.now())
        self.world.azure.identity.entra.clock = self.world.azure.key_vault.clock = self.scheduler.now
        signed_in(self.world, renewals_kept=self.renewals_kept)
        self.hosts = [self._host(), self._host()]
        self.left = [0, 0]

    def renew(self, *, times: int) -> None:
        self.left = [times, times]
        for index in range(2):
            self._next(index)
        self.scheduler.run_until(times * 20_000.0, lambda: self.left == [0, 0])
        assert self.left == [0, 0]

    def _host(self) -> Host:
        return self.world.host(_Scheduled(self.world, self.scheduler))

    def _next(self, index: int) -> None:
        def work() -> object:
            self.world.now = self.scheduler.now()
            return self.hosts[index].of(ANALYST).bearer(SCOPE)

        def ended(error: BaseException | None) -> None:
            if isinstance(error, CrashError):
                self.crashes += 1
                self.hosts[index] = self._host()
            elif error is not None:
                self.refusals.append(f"{self.scheduler.seconds}: {error}")
            self.left[index] -= 1
            if self.left[index]:
                later = (
                    self.scheduler.seconds + 3_600 + (0, 0.01, 5)[self.scheduler.luck.one_of("the next token", 3)]
                )
                self.scheduler.at(later, lambda: self._next(index))

        self.scheduler.spawn("renew", index, work, ended)


class _Scheduled(SimulatedAdapter):
    """Others may come between, or this host may die, before and after every request."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        super().__init__(world.azure)
        self._world = world
        self._scheduler = scheduler

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self._scheduler.effect(f"{request.method} {request.url}")
        self._world.now = self._scheduler.now()
        answer = super().send(request, **options)
        self._scheduler.effect(f"answer to {request.method} {request.url}")
        self._world.now = self._scheduler.now()
        return answer


class _Interrupted(SimulatedAdapter):
    """Has something happen once, just before a request of a kind; `after`: which kind must have gone before."""

    def __init__(self, world: World, method: str, act: Any, after: str | None = None) -> None:
        super().__init__(world.azure)
        self._method = method
        self._act = act
        self._after = after

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        if request.method == self._method and self._after is None and self._act is not None:
            act, self._act = self._act, None
            act()
        if request.method == self._after:
            self._after = None
        return super().send(request, **options)
