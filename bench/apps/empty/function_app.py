"""The smallest app: one HTTP function that answers. What Baton's cold start is measured against."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="runs", methods=["POST"])
def start(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("{}", status_code=202, mimetype="application/json")
