"""One function for each trigger. What they were given can be read at `/api/record`."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
record: list[dict[str, object]] = []


@app.route("record", methods=["GET"])
def show_record(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(record), mimetype="application/json")


@app.timer_trigger("timer", "%SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    record.append({"timer": timer.past_due, "status": sorted(timer.schedule_status)})  # type: ignore[attr-defined]


@app.queue_trigger("msg", "%QUEUE%", "AzureWebJobsStorage")
def work(msg: func.QueueMessage, context: func.Context) -> str | None:
    body = msg.get_body().decode()
    record.append(
        {
            "queue": body,
            "id": msg.id,
            "dequeue_count": msg.dequeue_count,
            "inserted": msg.insertion_time.isoformat() if msg.insertion_time else None,
            "function": context.function_name,
        }
    )
    if "fail" in body:
        raise RuntimeError("asked to fail")
    if "return" in body:
        return "what Azure does not allow"
    return None


@app.event_grid_trigger("event")
def on_event(event: func.EventGridEvent) -> None:
    kind = event.type if isinstance(event, func.CloudEvent) else event.event_type
    record.append({"event": event.id, "class": type(event).__name__, "kind": kind, "data": event.get_json()})
    if kind == "Fail":
        raise RuntimeError("asked to fail")
