"""host.json and the settings that override it."""

from __future__ import annotations

import pytest

from local.host.errors import SetupError
from local.host.options import QueueOptions, parse_time_span, read_options


def test_defaults_are_azures_except_for_the_local_polling_interval() -> None:
    options = read_options({"version": "2.0"}, {})
    assert options.route_prefix == "api"
    assert options.has_bundle is False
    assert options.max_outstanding_requests == 200
    assert options.queues == QueueOptions(
        batch_size=16, new_batch_threshold=8, max_dequeue_count=5, visibility_seconds=0, max_polling_seconds=2
    )


def test_values_come_from_host_json() -> None:
    queues = {
        "batchSize": 4,
        "maxDequeueCount": 3,
        "visibilityTimeout": "00:00:30",
        "maxPollingInterval": "00:00:01",
    }
    options = read_options({"version": "2.0", "extensions": {"http": {"routePrefix": ""}, "queues": queues}}, {})
    assert options.route_prefix == ""
    assert options.queues == QueueOptions(
        batch_size=4, new_batch_threshold=2, max_dequeue_count=3, visibility_seconds=30, max_polling_seconds=1
    )


def test_an_app_setting_overrides_host_json() -> None:
    settings = {"AzureFunctionsJobHost__extensions__queues__batchSize": "2"}
    host_json = {"version": "2.0", "extensions": {"queues": {"batchSize": 8}}}
    assert read_options(host_json, settings).queues.batch_size == 2


def test_idle_queues_are_looked_at_every_two_seconds_at_most() -> None:
    host_json = {"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:01:00"}}}
    assert read_options(host_json, {}).queues.max_polling_seconds == 2


def test_every_bad_value_is_named() -> None:
    queues = {"batchSize": 33, "visibilityTimeout": "24:00:00", "maxPollingInterval": "00:00:00.010"}
    with pytest.raises(SetupError) as caught:
        read_options({"extensions": {"http": {"routePrefix": 1}, "queues": queues}}, {})
    assert {problem.split()[1].rstrip(":") for problem in caught.value.problems} == {
        "version",
        "extensions.http.routePrefix",
        "extensions.queues.maxPollingInterval",
        "extensions.queues.batchSize",
        "extensions.queues.visibilityTimeout",
    }


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:30", 30), ("1.00:00:00", 86_400), ("0:1:2.5", 62.5), ("00:00:00.100", 0.1)]
)
def test_time_spans_are_read_as_dotnet_reads_them(text: str, seconds: float) -> None:
    assert parse_time_span(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["24:00:00", "00:60:00", "30", "", "-00:00:01", "00:00"])
def test_what_is_not_a_time_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time span"):
        parse_time_span(text)
