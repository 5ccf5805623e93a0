"""A small Azure Functions host for one machine: the `function_app.py` that runs in Azure, without Core Tools.

    from local.host import Host, Keys

    keys = Keys(master="...", function="...", event_grid="...")
    host = Host(app_root, storage=storage, settings=settings, host_json=host_json, port=7071, keys=keys)
    host.start()
    print(host.base_url)
    host.stop()

Triggers: HTTP, timer, queue, Event Grid. What differs from the real host:

- Bindings: one trigger and, for HTTP, the response. No output or input bindings, no other triggers.
- Queues: a message is hidden for 30 seconds and its hold is renewed while its function runs, so it comes back
  within 30 seconds after the process was killed (Azure: 10 minutes). An idle queue is looked at every 2 seconds at
  most, whatever host.json allows. Back-off has no randomness. newBatchThreshold defaults to half of batchSize,
  not multiplied by cores. Dates in JSON bodies are not reformatted when they replace metadata.
- Timers: this process is the only owner, there is no lease; no retry policies (`@retry` is ignored). Dates of a
  schedule are UTC. A step of 0, which the real parser reads as 1, is an error.
- HTTP: listens on loopback only, without TLS or CORS. One function key, one master key, one Event Grid key, all of
  them passed in; keys of single functions do not exist. Route segments are literals or single parameters, with the
  constraints int, long, bool, guid, alpha, decimal, double, float, min, max, range, length, minlength, maxlength.
  Header limits, Easy Auth and the home page are not imitated.
- `/admin` has `host/status`, `host/ping` and `functions/{name}` (POST) only.
- `functionTimeout`, `healthMonitor`, `concurrency`, sampling and the rest of host.json are ignored, and so is
  `AzureWebJobs.<name>.Disabled`. Functions are neither stopped nor restarted.
- The app runs in the host's process: it shares its interpreter, and `async def` functions get an event loop for
  each invocation. Checks of parameters and annotations say the same as Azure's worker in other words;
  `tests/worker` runs the worker itself.
"""

from local.host.errors import HostError, SetupError
from local.host.host import Host, serve
from local.host.keys import Keys

__all__ = ["Host", "HostError", "Keys", "SetupError", "serve"]
