"""Which addresses Baton calls back, and what it says there."""

import pytest

from shared.core.web_hook import address_problem

GOOD = "https://dpeastus.svc.datafactory.azure.com/workflow/callback/abc?token=SECRET"


@pytest.mark.parametrize(
    "address",
    [
        GOOD,
        GOOD.replace(".com/", ".com:443/"),
        GOOD.upper().replace("HTTPS", "https"),
        "https://syn-1.dev.azuresynapse.net/callback",
        "https://dp1.example.com/x",
    ],
)
def test_known_hosts_and_those_of_the_setting_are_called(address: str) -> None:
    assert address_problem(address, ["dp1.example.com"], loopback=False) is None


@pytest.mark.parametrize(
    "address",
    [
        GOOD.replace("https", "http"),
        GOOD.replace(".com/", ".com:8443/"),
        GOOD.replace("//", "//user:SECRET@"),
        GOOD.replace("//", "//svc.datafactory.azure.com@evil.test/"),
        GOOD.replace("azure.com", "azure.com.evil.test"),
        GOOD.replace("dpeastus.", ""),
        GOOD.replace("dpeastus.", "customers.airflow."),
        GOOD.replace("dpeastus.svc", "dpeastus-svc"),
        GOOD + "#fragment",
        GOOD + "\n",
        GOOD + " ",
        "https://127.0.0.1/SECRET",
        "https://[::1]/SECRET",
        "https://169.254.169.254/metadata?SECRET",
        "http://127.0.0.1:7071/SECRET",
        "https://[broken/SECRET",
        "file:///etc/SECRET",
        "https:///SECRET",
        "https://" + "a" * 5_000,
        "https://*.svc.datafactory.azure.com/SECRET",
        "",
    ],
)
def test_any_other_address_is_refused_and_no_message_repeats_it(address: str) -> None:
    problem = address_problem(address, [], loopback=False)
    assert problem is not None
    assert "SECRET" not in problem


def test_an_unknown_host_is_named_with_the_setting_that_adds_it() -> None:
    problem = address_problem("https://dp1.example.com/x", [], loopback=False)
    assert problem is not None
    assert "dp1.example.com" in problem
    assert "CALLBACK_HOSTS" in problem


def test_this_machine_is_called_only_for_a_simulated_cloud() -> None:
    address = "http://127.0.0.1:8000/callback"
    assert address_problem(address, [], loopback=True) is None
    assert address_problem(address, [], loopback=False) is not None
    assert address_problem("http://10.0.0.1:8000/callback", [], loopback=True) is not None
