"""What docs/benchmarks.md says around its tables."""

from __future__ import annotations

HEAD = """# Baton beside what its users have

Made by `make bench`, {took}, on {machine}; {date}. Written by the benchmark; do not edit.
The raw figures are in [benchmarks/peers.json](benchmarks/peers.json).

Versions: {versions}.

What Baton promises beside them, and whether it was so:
"""

METHOD = """
## What is measured, and how

The job that users have: a pipeline runs, and when it has succeeded, a semantic model is refreshed. Every tool does
it with its own code, unmodified and at its defaults, against the same simulated Azure (`local/simulated_azure`), from
whose books all counts are taken. All runs begin within three minutes, in one factory (or workspace) of 50
pipelines, and take up to 10 % more or less than the nominal time; each run refreshes a model of its own for one
and a half to two and a half minutes.

| tool | what it is | looks every |
| --- | --- | --- |
| Airflow, Data Factory operator | `AzureDataFactoryRunPipelineOperator`, then `PowerBIDatasetRefreshOperator` | 60 s |
| Airflow, `deferrable=True` | the same operators; the wait is in the triggerer | 60 s |
| Fabric plugin | `FabricRunItemOperator` of the plugin in the Airflow tutorial for Fabric, then the same refresh. It does not import under Airflow 3, so it runs under Airflow 2 | 60 s |
| dagster-powerbi | `trigger_and_poll_refresh`, for a refresh alone: Dagster has no Data Factory integration | 5 s, for at most 300 s |
| plain script | Azure's own client with its own retries, plain `requests` for the refresh | 30 s (our choice) |
| Baton, first run ever | work messages and the minute timer over SQLite in memory | 5 to 45 s, by the job's age; up to 10 s where many share a look |
| Baton, with past runs | the same, and each step has run 15 times before, for about as long (up to 5 % more or less, around a middle that is itself up to 5 % off) | most often when the job should end |

Around the peers, these are changed, and nothing in their code or their settings:

- **The clock.** `time.time`, `time.monotonic`, `time.sleep` and the event loop's clock are virtual. Each run is a
  greenlet; when all of them wait, the clock jumps to what is due next. Only sleeping takes time.
- **The network.** requests, aiohttp and httpx end in the simulated services, just above their sockets. Retries,
  tokens, headers and errors of the clients above are their own.
- **What calls them.** For Airflow a small loop does what its task runner and its triggerer do: it calls `execute`,
  sends a trigger through `serialize`, awaits its first event and resumes the operator. Connections are environment
  variables; the Fabric plugin has a SQLite database, as it writes its refresh token there. For Dagster it is the
  function that its asset calls.

CPU is measured for real, without what the simulated services use; each case has a process of its own, and so has
its memory, which holds the books of the simulated services, too.

In brackets stands the ratio to *Baton, first run ever* in the same column: x 2 is twice as much.
"""

LIMITS = {
    "faults": """Each misfortune meets each of {fault_runs} runs once, one run at a time. Counted are jobs "started twice" and
"cancelled", by the services' books; "called failed": the job succeeded, and its tool says it failed; "forgotten": the
pipeline succeeded, and no refresh ever followed (of a refresh alone: nobody is left who knows how it ended).
A misfortune of a look meets the first look after half of the job's nominal time. Airflow and the Fabric plugin run
with Airflow's default of no retries, and once more with `retries=1`, as the examples in Airflow's documents have it
(one misfortune a run needs no second): a task whose process died is noticed after 300 seconds, and a retry comes
300 seconds later, both as Airflow has it by default. A triggerer that died is replaced after a minute (a guess in
Airflow's favour). Baton's process that died is there again after ten seconds, and who got no answer to the `POST` of
a run asks again with the same `Idempotency-Key`. A script and a Dagster run that died are not started again by
anybody. In a refresh alone, a second start cannot happen while the first is executing: Power BI refuses it, and
the tool takes the refusal for a failure.""",
    "end": """
## What these numbers do not say

- Baton's timer, and its looks at an idle queue, go on when nothing runs. Their calls are not in the storage
  operations here; a peer's scheduler and its database are not in its figures either.
- Airflow's own scheduler is not there. It adds seconds between two tasks, a slot for each waiting task of the
  plain operator (32 at a time by default) and a process for each; its database and scheduler cost what they cost
  with no run at all. So Airflow's delays, CPU and memory are lower bounds; so are Dagster's.
- Baton's storage is SQLite in memory: over Azure Storage each operation takes milliseconds of waiting, and costs
  money, though little. The platform's own scaling and cold starts are not in it.
- How many chains one core carries, over a file and over Azurite, is on a page of its own:
  [benchmarks/throughput.md](benchmarks/throughput.md).
- No answer takes time here, so nothing overlaps and no call is throttled unless a fault says so.
- dagster-powerbi gives up after 300 seconds. Where refreshes take longer, its calls and its CPU are those of runs
  that it has called failed.
- The lengths of Baton's past runs are as regular as said above. Where a job's nights vary more, its looks are more
  and its delays longer; [benchmarks/pace.md](benchmarks/pace.md) has figures for that.
- With one run or ten, a delay is the chance of a few samples: read those of 100 and 1,000.
- A look at a factory with more than 100 changed runs is several pages, and each page is counted as a call.
""",
}

WORSE = """
## Where Baton is worse

Every figure above in which a tool beats Baton by over 2 %, with the best of them:
"""
