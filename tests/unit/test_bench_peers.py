"""The benchmark beside Baton's peers, as far as it goes without them: clock, network, bad luck, books, page."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from bench.peers import in_readme, page, plots
from bench.peers.__main__ import RAW
from bench.peers.books import delays, verdicts
from bench.peers.claims import claims, worse
from bench.peers.faults import MISFORTUNES, Misfortune, once_per_run
from bench.peers.network import Network, request_to
from bench.peers.results import Results, measured, read
from bench.peers.stage import (
    CLIENT_ID,
    CLIENT_SECRET,
    FACTORY,
    GROUP,
    REPORTS,
    SUBSCRIPTION,
    TENANT,
    Case,
    Outcome,
    Stage,
)
from bench.peers.tables import by_misfortune, by_size
from bench.peers.tools import TOOLS
from bench.peers.virtual_time import CrashError, VirtualTime
from local.simulated_azure.faults import Fault
from local.simulated_azure.messages import Response

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def clock() -> Iterator[VirtualTime]:
    made = VirtualTime()
    yield made
    made.close()


# The clock


def test_who_sleeps_lets_others_go_on_and_the_clock_jumps(clock: VirtualTime) -> None:
    told: list[tuple[str, float]] = []
    ended = clock.loop.create_future()

    def poll(name: str, seconds: float) -> None:
        for _ in range(2):
            clock.sleep(seconds)
            told.append((name, clock.seconds))

    clock.spawn(lambda: poll("slow", 60))
    clock.spawn(lambda: poll("fast", 25))
    clock.at(3_600, lambda: ended.set_result(None))
    clock.run(ended)
    assert told == [("fast", 25), ("fast", 50), ("slow", 60), ("slow", 120)]
    assert clock.seconds == 3_600


def test_blocking_code_waits_for_a_coroutine_while_others_go_on(clock: VirtualTime) -> None:
    told: list[tuple[str, float]] = []
    ended = clock.loop.create_future()

    async def work() -> str:
        await asyncio.sleep(100)
        return "done"

    def wait() -> None:
        told.append((clock.wait_for(work()), clock.seconds))
        ended.set_result(None)

    clock.spawn(wait)
    clock.at(50, lambda: told.append(("meanwhile", clock.seconds)))
    clock.run(ended)
    assert told == [("meanwhile", 50), ("done", 100)]


def test_what_a_coroutine_raises_reaches_who_waits_for_it(clock: VirtualTime) -> None:
    ended = clock.loop.create_future()

    async def dies() -> None:
        await asyncio.sleep(1)
        raise CrashError

    def wait() -> None:
        with pytest.raises(CrashError):
            clock.wait_for(dies())
        ended.set_result(None)

    clock.spawn(wait)
    clock.run(ended)


def test_waiting_for_what_nobody_will_do_is_an_error(clock: VirtualTime) -> None:
    with pytest.raises(RuntimeError, match="nothing is due"):
        clock.run(clock.loop.create_future())


# The simulated Azure and its books


class Hands:
    """A tool made of bare requests, so that a test can do anything wrong."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.plane = self.call("POST", f"https://login.microsoftonline.com/{TENANT}/oauth2/token", _grant())[
            "access_token"
        ]
        grant = _grant("https://analysis.windows.net/powerbi/api")
        self.reports = self.call("POST", f"https://login.microsoftonline.com/{TENANT}/oauth2/token", grant)[
            "access_token"
        ]

    def call(self, method: str, url: str, body: str = "", token: str = "") -> Any:
        answer = self.answer(method, url, body, token)
        assert answer.status < 300, answer
        return json.loads(answer.body or b"{}")

    def answer(self, method: str, url: str, body: str = "", token: str = "") -> Response:
        return self.stage.network.handle(
            request_to(method, url, {"authorization": f"Bearer {token}", "content-type": "application/json"}, body)
        )

    def start(self, number: int) -> str:
        where = f"pipelines/{self.stage.pipeline(number)}/createRun"
        run_id: str = self.call("POST", _factory(where), json.dumps({"run": str(number)}), self.plane)["runId"]
        return run_id

    def cancel(self, run_id: str) -> None:
        self.call("POST", _factory(f"pipelineruns/{run_id}/cancel"), "", self.plane)

    def look(self, run_id: str) -> int:
        return self.answer("GET", _factory(f"pipelineruns/{run_id}"), "", self.plane).status

    def refresh(self, number: int) -> None:
        model = self.stage.model(number)
        url = f"https://api.powerbi.com/v1.0/myorg/groups/{REPORTS}/datasets/{model}/refreshes"
        self.call("POST", url, "", self.reports)


def _grant(resource: str = "https://management.azure.com/") -> str:
    told = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "resource": resource}
    return urlencode({"grant_type": "client_credentials", **told})


def _factory(rest: str) -> str:
    place = f"subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.DataFactory"
    return f"https://management.azure.com/{place}/factories/{FACTORY}/{rest}?api-version=2018-06-01"


def staged(clock: VirtualTime, runs: int = 1) -> Stage:
    network = Network.__new__(Network)
    stage = Stage(Case(tool="script", kind="adf", runs=runs, minutes=10), clock, network)
    stage.network = Network(stage.azure)
    return stage


def test_a_run_that_went_well_is_unharmed_and_its_delay_is_known(clock: VirtualTime) -> None:
    stage = staged(clock)
    hands = Hands(stage)
    hands.start(0)
    ends = (
        stage.azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY).pipelines[stage.pipeline(0)].seconds + 0.3
    )
    stage.time.seconds = ends + 42
    hands.refresh(0)
    stage.tell(0, "succeeded")
    stage.time.seconds += 3_600
    assert delays(stage) == [42]
    told = verdicts(stage)
    assert (told.unharmed, told.twice, told.cancelled, told.called_failed, told.forgotten) == (1, 0, 0, 0, 0)


def test_the_books_tell_what_was_doubled_cancelled_forgotten_and_wrongly_called_failed(clock: VirtualTime) -> None:
    stage = staged(clock, runs=4)
    hands = Hands(stage)
    for number in (0, 0, 1, 2, 3):
        run_id = hands.start(number)
        if number == 1:
            stage.time.seconds += 5
            hands.cancel(run_id)
    stage.time.seconds += 1_800
    hands.refresh(0)
    outcomes: tuple[Outcome, ...] = ("succeeded", "failed", "failed", "died")
    for number, outcome in enumerate(outcomes):
        stage.tell(number, outcome)
    stage.time.seconds += 3_600
    told = verdicts(stage)
    assert (told.unharmed, told.twice, told.cancelled, told.called_failed, told.forgotten) == (0, 1, 1, 1, 2)


def test_bad_luck_meets_one_look_of_each_run_in_the_second_half_of_its_job(clock: VirtualTime) -> None:
    stage = staged(clock)
    hands = Hands(stage)
    run_id = hands.start(0)
    misfortune = Misfortune(name="x", moment="look", what="", fault=Fault("*", status=403))
    faults = once_per_run(misfortune, stage.case, lambda: stage.time.seconds)
    stage.azure.faults = faults
    for _ in range(2):
        faults.arm()
        assert [hands.look(run_id) for _ in range(3)] == [200, 200, 200]
        stage.time.seconds += 300
        assert [hands.look(run_id) for _ in range(3)] == [403, 200, 200]
    assert faults.struck == 2


def test_an_outage_lasts_and_a_crash_comes_after_the_start_was_accepted(clock: VirtualTime) -> None:
    stage = staged(clock)
    hands = Hands(stage)
    run_id = hands.start(0)
    outage = Misfortune(name="x", moment="look", what="", fault=Fault("*", status=503), seconds=30)
    faults = once_per_run(outage, stage.case, lambda: stage.time.seconds)
    stage.azure.faults = faults
    faults.arm()
    stage.time.seconds += 300
    assert [hands.look(run_id), hands.look(run_id)] == [503, 503]
    stage.time.seconds += 30
    assert hands.look(run_id) == 200
    stage.azure.faults = once_per_run(MISFORTUNES[0], stage.case, lambda: stage.time.seconds)
    with pytest.raises(CrashError):
        hands.start(0)
    assert len(stage.azure.data_factory.factory(SUBSCRIPTION, GROUP, FACTORY).runs) == 2


# Whole cases, in processes of their own: the clock and the network of this one stay as they are


def played(*arguments: str) -> Any:
    command = [sys.executable, "-m", "bench.peers.case", *arguments]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return json.loads(told.stdout)


def test_baton_and_the_script_play_the_same_case() -> None:
    baton, script = played("baton", "2", "10"), played("script", "2", "10")
    for told in (baton, script):
        assert told["outcomes"] == {"succeeded": 2}
        assert told["calls"]["data_factory.create_run"] == 2
        assert told["calls"]["power_bi.refresh"] == 2
        assert 0 < told["delay_median"] < 60
    assert 2 * 0.9 * 20 <= script["calls"]["data_factory.get_run"] <= 2 * (1.1 * 20 + 2), "a look each 30 seconds"
    assert script["storage"] is None
    assert baton["storage"] > 0


@pytest.mark.parametrize("tool", ["baton-refresh", "baton-refresh-known"])
def test_baton_comes_through_every_misfortune(tool: str) -> None:
    told = played(tool, "1", "4", "--faults")
    assert [each["misfortune"] for each in told] == [misfortune.name for misfortune in MISFORTUNES]
    assert all(each["unharmed"] == 1 for each in told), told


def test_a_script_that_dies_forgets_and_its_client_starts_again_what_was_accepted() -> None:
    told = {each["misfortune"]: each for each in played("script", "2", "10", "--faults")}
    assert told["crash"]["forgotten"] == told["restart"]["forgotten"] == 2
    assert told["start-503"]["twice"] == 2


# The page


def case(tool: str, runs: int, minutes: int, *, looks: int, delay: float) -> dict[str, Any]:
    return {
        "tool": tool,
        "runs": runs,
        "minutes": minutes,
        "calls": {
            "data_factory.create_run": runs,
            "power_bi.refresh": runs,
            "data_factory.get_run": looks * runs,
        },
        "delay_median": delay,
        "delay_95": 2 * delay,
        "cpu_seconds": 0.01 * runs,
        "start_mb": 80.0,
        "peak_mb": 90.0,
        "wall_seconds": 1.0,
        "storage": 100 * runs if tool.startswith("baton") else None,
        "outcomes": {"succeeded": runs},
    }


def results(*, looks: int = 1, delay: float = 10.0, unharmed: int = 20) -> Results:
    cases = [
        measured(
            case(
                tool,
                runs,
                minutes,
                looks=looks if tool != "airflow" else 61,
                delay=delay if tool != "airflow" else 30,
            )
        )
        for tool in ("airflow", "baton", "baton-known")
        for runs in (1, 1_000)
        for minutes in (10, 60)
    ]
    well = {
        "runs": 20,
        "unharmed": unharmed,
        "twice": 20 - unharmed,
        "cancelled": 0,
        "called_failed": 0,
        "forgotten": 0,
    }
    tools = ("airflow", "airflow-retry", "baton", "baton-known")
    faults = {tool: {each.name: well for each in MISFORTUNES} for tool in tools}
    about = {
        "date": "2026-11-21",
        "machine": "m",
        "versions": {"bench": {"a": "1"}},
        "took": "in parts",
        "fault_runs": 20,
    }
    return Results(cases, faults, about)


def test_the_claims_are_judged_by_the_figures() -> None:
    """Looks of each kind without and with past runs, delays of both for each length, starts, misfortunes."""
    unmeasured = [None, None]  # of Fabric
    assert [claim.held for claim in claims(results())] == [True, True, *unmeasured, *[True] * 4, True, True]
    bad = claims(results(looks=2, delay=31, unharmed=19))
    assert [claim.held for claim in bad] == [False, False, *unmeasured, *[False] * 4, True, False]
    assert "61.0 a run against 2.00: 30 times" in bad[0].text
    assert "Baton: 18 of 360 runs harmed, 18 jobs started twice, 0 cancelled" in bad[-1].text
    assert all(claim.held is None for claim in claims(Results([], {}, {})))


def test_a_job_that_was_started_twice_without_any_misfortune_breaks_a_promise() -> None:
    told = {**case("baton", 10, 10, looks=1, delay=1.0)}
    told["calls"] = {**told["calls"], "data_factory.create_run": 11}
    once = claims(Results([measured(told)], {}, {}))[-2]
    assert "starts each job once" in once.text
    assert once.held is False


def test_of_fabric_it_is_enough_to_look_less_and_to_see_the_end_sooner() -> None:
    looks = {"fabric-plugin": 63, "baton-fabric": 9, "baton-fabric-known": 70}
    made = [case(tool, 1_000, 60, looks=1, delay=30.0 if tool == "fabric-plugin" else 29.8) for tool in looks]
    for each in made:
        each["calls"] = {"fabric.instance": looks[each["tool"]] * 1_000}
    held = [claim.held for claim in claims(Results([measured(each) for each in made], {}, {}))]
    assert held[2:6] == [True, False, False, False], "a delay that differs by less than 2 % is equal"


def test_tables_show_ratios_to_baton_and_what_went_wrong() -> None:
    table = by_size(results(), "adf", 60, lambda each: each.calls())
    assert "| Airflow, Data Factory operator | 63.0 (x 21.0) | 63.0 (x 21.0) |" in table
    assert "**1 started twice**" in by_misfortune(results(unharmed=19), "adf")
    assert "all well" in by_misfortune(results(), "adf")


def test_a_figure_in_which_a_peer_is_better_stands_on_the_page(tmp_path: Path) -> None:
    slow = results(delay=45)
    assert {each.figure for each in worse(slow)} == {"median delay, s", "95th percentile of the delay, s"}
    page.written(slow, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| Data Factory, 1,000 x 60 min | median delay, s | Baton, first run ever | 45.0 | 30.0 |" in text
    assert "**not held**: Baton, with past runs, 1,000 runs of 60 minutes" in text
    for name in ("looks", "delay", "faults"):
        ET.parse(tmp_path / "benchmarks" / f"{name}.svg")


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    from bench.peers.results import read

    results().written(tmp_path / "raw.json")
    again = read(tmp_path / "raw.json")
    assert [each.told for each in again.cases] == [each.told for each in results().cases]
    assert again.faults == results().faults


def test_every_tool_has_a_title_of_its_own_among_its_kind() -> None:
    titles = [(entry.kind, entry.title) for entry in TOOLS.values()]
    assert len(titles) == len(set(titles))


def test_plots_draw_every_point_and_leave_gaps() -> None:
    drawn = plots.lines("t", "x", "y", {"a": [(1, 2.0), (10, 200.0)], "b": [(1, 3.0)]})
    assert drawn.count("<circle") == 3
    bars = plots.bars("t", "y", ["one", "two"], {"a": [1.0, None], "b": [2.0, 3.0]})
    assert bars.count('fill="#0b6e99"') == 2  # one bar, and its legend


def test_the_readme_has_the_figures_of_the_last_measurement() -> None:
    text = in_readme.README.read_text()
    assert text == in_readme.replaced(text, in_readme.figures(read(RAW)))


def test_the_readme_gets_what_counts_most() -> None:
    table = in_readme.figures(results(looks=1, unharmed=19))
    assert "| status reads of each pipeline run | 61.00 | the same | 1.00 (1/61) | 1.00 (1/61) |" in table
    assert "| from its end to the refresh, median and 95th | 30.0 s, 60.0 s | the same | 10.0 s, 20.0 s |" in table
    assert "| runs harmed by bad luck | 9 of 180 | 9 of 180 |" in table
    text = in_readme.replaced(f"# A\n{in_readme.BEGIN}\nold\n{in_readme.END}\nend\n", "new")
    assert text == f"# A\n{in_readme.BEGIN}\n\nnew\n\n{in_readme.END}\nend\n"
    with pytest.raises(in_readme.NoMarksError, match="lacks"):
        in_readme.replaced("# A", "new")
