"""HTTP functions of every kind that the host knows."""

import json
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
entered = threading.Event()
released = threading.Event()


def _described(req: func.HttpRequest) -> func.HttpResponse:
    described = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(described), mimetype="application/json")


@app.route("echo/{id:int}/{tail?}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return _described(req)


@app.route("echo/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def echo_name(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"name {req.route_params['name']}")


@app.route("runs/{id:guid}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def run(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["id"])


@app.route("files/{*rest}", auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params.get("rest", "none"))


@app.route("guarded", methods=["GET"])
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.route("master", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("secret details")


@app.route("nothing", auth_level=func.AuthLevel.ANONYMOUS)
def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]


@app.route("json-text", auth_level=func.AuthLevel.ANONYMOUS)
def json_text(req: func.HttpRequest) -> str:
    return '{"a":1}'


@app.route("rendered", auth_level=func.AuthLevel.ANONYMOUS)
def rendered(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    response = func.HttpResponse(
        "grüße",
        status_code=201,
        mimetype="text/html",
        charset="iso-8859-1",
        headers={"Location": "/api/runs/1", "X-Function": context.function_name, "Content-Length": "3"},
    )
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2")
    return response


@app.route("no-content", auth_level=func.AuthLevel.ANONYMOUS)
def no_content(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@app.route("asynchronous", auth_level=func.AuthLevel.ANONYMOUS)
async def asynchronous(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("awaited")


@app.route("slow", auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    entered.set()
    released.wait(10)
    return func.HttpResponse("done")
