"""The figures of the README, between two marks there: `make bench` writes them, and a test holds them to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.peers.claims import HOUR, MANY
from bench.peers.results import PIPELINE_LOOKS, Measured, Results

README = Path(__file__).resolve().parent.parent.parent / "README.md"
BEGIN, END = "<!-- written by make bench -->", "<!-- to here -->"
TOOLS = {
    "Airflow's operators": "airflow",
    "with `retries=1`": "airflow-retry",
    "Baton, first run ever": "baton",
    "Baton, with past runs": "baton-known",
}
ONLY_HARM = "airflow-retry"  # which calls and waits like the one before it


class NoMarksError(Exception):
    """The README has lost the marks between which the figures stand."""


def figures(results: Results) -> str:
    """A table of what counts most, for a thousand runs of an hour. Raises KeyError for what was not measured."""
    airflow = _case(results, "airflow").calls(PIPELINE_LOOKS)
    rows = [
        ["", *TOOLS],
        ["---", *["---:"] * len(TOOLS)],
        [
            "status reads of each pipeline run",
            *_each(results, lambda case: _looks(case.calls(PIPELINE_LOOKS), airflow)),
        ],
        ["from its end to the refresh, median and 95th", *_each(results, _delay)],
        ["runs harmed by bad luck", *(_harmed(results, tool) for tool in TOOLS.values())],
        ["jobs started twice by it", *(_twice(results, tool) for tool in TOOLS.values())],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def written(results: Results, readme: Path = README) -> None:
    """Puts the figures into the README. Raises NoMarksError."""
    readme.write_text(replaced(readme.read_text(), figures(results)))


def replaced(text: str, table: str) -> str:
    """The text with the table between the marks. Raises NoMarksError."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoMarksError(f"README.md lacks {BEGIN} and {END}, each on a line of its own")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _case(results: Results, tool: str) -> Measured:
    case = results.case(tool, MANY, HOUR)
    if case is None:
        raise KeyError(f"{tool} with {MANY} runs of {HOUR} minutes")
    return case


def _each(results: Results, told: Callable[[Measured], str]) -> list[str]:
    return ["the same" if tool == ONLY_HARM else told(_case(results, tool)) for tool in TOOLS.values()]


def _looks(looks: float, airflow: float) -> str:
    return f"{looks:.2f}" if looks >= airflow else f"{looks:.2f} (1/{airflow / looks:.0f})"


def _delay(case: Measured) -> str:
    return f"{case.number('delay_median') or 0:.1f} s, {case.number('delay_95') or 0:.1f} s"


def _harmed(results: Results, tool: str) -> str:
    runs = _sum(results, tool, "runs")
    return f"{runs - _sum(results, tool, 'unharmed'):,} of {runs:,}"


def _twice(results: Results, tool: str) -> str:
    return f"{_sum(results, tool, 'twice'):,}"


def _sum(results: Results, tool: str, name: str) -> int:
    told: Mapping[str, Mapping[str, int]] = results.faults[tool]
    return sum(each[name] for each in told.values())
