"""What Python says of imports, digested."""

from __future__ import annotations

import pytest

from bench.cold_start import Case, Measured, Start
from bench.cold_start_page import page
from bench.imports import imported, package_of
from tests.worker.interpreter import ROOT

LOG = """import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |     azure.core.rest
import time:       500 |       2000 |   azure.core
import time:      9000 |      11000 | azure.mgmt.datafactory.models
no import line
import time:       200 |        200 | json
"""


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("azure.mgmt.datafactory.models._models", "azure.mgmt.datafactory"),
        ("azure.core.pipeline.policies", "azure.core"),
        ("shared.core.run", "shared"),
        ("json", "json"),
    ],
)
def test_modules_belong_to_packages_as_they_are_installed(module: str, package: str) -> None:
    assert package_of(module) == package


def test_own_times_add_up_by_package_the_dearest_first() -> None:
    found = imported(LOG)
    assert [(each.package, round(each.seconds * 1_000, 1)) for each in found] == [
        ("azure.mgmt.datafactory", 9.0),
        ("azure.core", 2.0),
        ("json", 0.2),
    ]
    assert found[1].names == ("azure.core.rest", "azure.core")


def test_the_page_says_whether_the_aim_is_met() -> None:
    def measured(name: str, indexed: float, answered: float) -> Measured:
        return Measured(Case(name, ROOT, "start"), [Start(indexed, answered)] * 3)

    empty, plain = measured("empty app", 0.1, 0.1), measured("plain app", 0.3, 0.4)
    slow, quick = measured("Baton", 0.2, 0.9), measured("Baton", 0.11, 0.5)
    told = {"empty app": imported(""), "Baton": imported(LOG)}
    missed = page("Python 3", [empty, plain, slow, slow, slow], told, ["yaml"], 1.3)
    assert "Indexed: missed, with 2.00" in missed
    assert "These are: yaml." in missed
    met = page("Python 3", [empty, plain, quick, quick, slow], told, [], 1.3)
    assert "with 5.0 to 9.0 times" in met
    assert "| azure.mgmt.datafactory | 80% | 1 |" in met
    assert "Indexed: met" in page("Python 3", [empty, plain, quick, quick, quick, slow], told, [], 1.3)
