"""List prices that the cost model reckons with. They are examples: put your own here, and run `make bench-cost`.

US dollars, US East or the price that a page gives for all regions. None of these was read at Azure: each is as
quoted at the place that is named, to be checked on the provider's own price page before a decision hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """`dollars` for one `unit`. `quoted`: where it was read, and when; `check`: whose page has the last word."""

    dollars: float
    unit: str
    quoted: str
    check: str


_FUNCTIONS = "azure.microsoft.com/pricing/details/functions"
_STORAGE = "azure.microsoft.com/pricing/details/storage"
_FACTORY = "azure.microsoft.com/pricing/details/data-factory"
_LOGIC = "azure.microsoft.com/pricing/details/logic-apps"
_COMMON = "often quoted, no dated source at hand"

PRICES: dict[str, Price] = {
    "gb_second": Price(0.000026, "GB-second, Flex Consumption on demand", "modal.com, May 2025", _FUNCTIONS),
    "executions": Price(0.40, "million executions, Flex Consumption", _COMMON, _FUNCTIONS),
    "table": Price(0.00036, "10,000 table transactions", "several public repositories, to July 2026", _STORAGE),
    "queue": Price(0.004, "10,000 queue operations", _COMMON, _STORAGE),
    "blob": Price(0.05, "10,000 blob writes", _COMMON, _STORAGE),
    "activity": Price(1.00, "1,000 activity runs, Data Factory", "azurelessons.com, undated", _FACTORY),
    "monitoring": Price(0.25, "50,000 run records read, Data Factory", "Azure's pricing concepts page", _FACTORY),
    "web_hour": Price(0.00025, "hour of an external activity", "Azure's pricing concepts page", _FACTORY),
    "built_in": Price(0.000025, "built-in action, Logic Apps Consumption", _COMMON, _LOGIC),
    "connector": Price(0.000125, "standard connector call, Logic Apps", _COMMON, _LOGIC),
    "airflow_fabric": Price(
        0.90,
        "hour, Fabric Airflow job Small (5 CU at $0.18)",
        "ultimateinfoguide.com, June 2026",
        "Fabric's prices",
    ),
    "airflow_aws": Price(0.49, "hour, Amazon MWAA mw1.small", "c3x.dev and awsi.click, undated", "AWS's prices"),
}
FREE_GB_SECONDS = 100_000  # a month and subscription, Flex Consumption on demand; to be checked, too
FREE_EXECUTIONS = 250_000


def dollars(name: str) -> float:
    return PRICES[name].dollars
