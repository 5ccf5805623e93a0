"""Send what has happened to the topic: in order, at least once, and never in the way of the work itself.

A save that is an event is followed by a `publish` message. What it does not get done, because it was lost or the
topic is down, the timer finds by the rows that were written with the save.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from shared.core.alerts import Alert, size_bytes
from shared.core.errors import RefusedError, TryLaterError
from shared.core.timing import backoff_seconds
from shared.relay.alert_streams import Stream, SubjectStream, run_stream
from shared.relay.messages import PublishMessage, to_body
from shared.relay.world import Alerts, World, say
from shared.store.alerts import Due
from shared.store.outbox import TopicState

MOST_PARCEL_EVENTS = 100
MOST_PARCEL_BYTES = 900_000  # the topic takes a megabyte at once
RUNS_A_MESSAGE = 25
MOST_HANDED_OUT = 2_000  # runs, by one tick; the rest at the next
PROBED_RUNS = 10  # what the timer itself sends, to learn whether a topic takes events again
FIRST_REST_SECONDS = 60.0
LONGEST_REST_SECONDS = 300.0  # so much later than the topic comes back, the first event may be there
LONGEST_WISH_SECONDS = 3_600.0  # of a Retry-After


@dataclass(frozen=True, slots=True)
class _Letter:
    """One event, and where it comes from."""

    stream: Stream
    alert: Alert


def raise_alert(world: World, key: str, data: str, etag: str, alert: Alert | None) -> bool:
    """Saves a state and the event of its change, and sends the event soon. False when somebody else was faster.

    The parameters are those of `Outbox.save`. Without a topic nothing is saved: ask `world.alerts` first.
    """
    if world.alerts is None or not world.alerts.outbox.save(key, data, etag, alert):
        return False
    if alert is not None:
        world.queue.send(to_body(PublishMessage()))
    return True


def publish(world: World, run_ids: Sequence[str]) -> None:
    """Sends what is unsent of these runs; without runs, the events that belong to none."""
    if world.alerts is None or world.alerts.sink.rests():
        return  # the timer comes back to it
    _attempt(world, world.alerts, run_ids, outbox=not run_ids)


def tend_alerts(world: World) -> None:
    """The timer's part: hands out what is overdue. Of a topic that is down, one try at a time is made."""
    alerts = world.alerts
    if alerts is None:
        return
    now = world.now()
    unsent = sorted(alerts.marks.all(), key=lambda due: due.due_at)
    overdue = [due for due in unsent if due.due_at <= now]
    waits = next(alerts.outbox.waiting(), None) is not None
    state = alerts.outbox.topic()
    if state.since is not None:
        if state.not_before is not None and now < state.not_before:
            return
        probed, overdue = overdue[:PROBED_RUNS] or unsent[:1], overdue[PROBED_RUNS:]
        if not _attempt(world, alerts, [due.run_id for due in probed], outbox=waits):
            return
        alerts.outbox.note_topic(TopicState(given_up=alerts.outbox.topic().given_up))
        say("topic_recovered", since=state.since)
    elif waits:
        world.queue.send(to_body(PublishMessage()))
    _hand_out(world, alerts, overdue[:MOST_HANDED_OUT])


def _hand_out(world: World, alerts: Alerts, overdue: Sequence[Due]) -> None:
    later = world.now() + timedelta(seconds=2 * world.patience.revive_seconds)
    for first in range(0, len(overdue), RUNS_A_MESSAGE):
        some = overdue[first : first + RUNS_A_MESSAGE]
        alerts.marks.put_off([replace(due, due_at=later) for due in some])
        world.queue.send(to_body(PublishMessage(tuple(due.run_id for due in some))))


def _attempt(world: World, alerts: Alerts, run_ids: Iterable[str], *, outbox: bool) -> bool:
    """Whether the topic was there for everything that there was to send."""
    streams: list[Stream] = [found for run_id in run_ids if (found := run_stream(world, alerts, run_id))]
    if outbox:
        streams += _subjects(world, alerts)
    stuck: set[int] = set()
    try:
        for parcel in _parcels(streams):
            _send(alerts, parcel, stuck)
    except TryLaterError as error:
        _note_failure(world, alerts, error)
        return False
    return True


def _subjects(world: World, alerts: Alerts) -> Iterator[SubjectStream]:
    for _, group in groupby(alerts.outbox.waiting(), key=lambda held: held.waiting.alert.subject):
        held = list(group)
        due_at = held[0].waiting.due_at
        if due_at is None or due_at <= world.now():
            yield SubjectStream(world, alerts, held)


def _parcels(streams: Sequence[Stream]) -> Iterator[list[_Letter]]:
    """All events, those of one stream in their order, in as many requests as are needed."""
    parcel: list[_Letter] = []
    size = 0
    for stream in streams:
        for alert in stream.alerts:
            more = size_bytes(alert)
            if parcel and (len(parcel) == MOST_PARCEL_EVENTS or size + more > MOST_PARCEL_BYTES):
                yield parcel
                parcel, size = [], 0
            parcel.append(_Letter(stream, alert))
            size += more
    if parcel:
        yield parcel


def _send(alerts: Alerts, parcel: Sequence[_Letter], stuck: set[int]) -> None:
    """Sends a parcel; in halves when it is refused, until the event that is to blame is alone.

    What follows that event in its own stream waits (`stuck`), unless the event is given up. Raises TryLaterError.
    """
    letters = [letter for letter in parcel if id(letter.stream) not in stuck]
    if not letters:
        return
    try:
        alerts.sink.send([letter.alert for letter in letters])
    except RefusedError as error:
        if len(letters) > 1:
            half = len(letters) // 2
            _send(alerts, letters[:half], stuck)
            _send(alerts, letters[half:], stuck)
        elif not letters[0].stream.refused(letters[0].alert, error):
            stuck.add(id(letters[0].stream))
        return
    for _, group in groupby(letters, key=lambda letter: id(letter.stream)):
        *_, last = group
        last.stream.sent(last.alert)


def _note_failure(world: World, alerts: Alerts, error: TryLaterError) -> None:
    """The topic rests for a while, longer each time: nobody else tries meanwhile, and the timer comes back."""
    now = world.now()
    state = alerts.outbox.topic()
    if state.not_before is not None and now < state.not_before:
        return  # somebody has noted it already
    spread = 0.75 + 0.5 * (world.random_bits() % 1_000) / 1_000
    rest = spread * backoff_seconds(state.failures, first=FIRST_REST_SECONDS, most=LONGEST_REST_SECONDS)
    rest = max(rest, min(error.after_seconds or 0, LONGEST_WISH_SECONDS))
    say("topic_failed", level=logging.ERROR, code=error.code, why=error.message, again_in=round(rest))
    alerts.outbox.note_topic(
        replace(
            state,
            since=state.since or now,
            failures=state.failures + 1,
            not_before=now + timedelta(seconds=rest),
            code=error.code,
            message=error.message[:1_000],
        )
    )
