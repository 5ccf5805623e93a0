"""A function whose parameter is not the one that its trigger binds."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.queue_trigger("message", "work", "AzureWebJobsStorage")
def work(msg: func.QueueMessage) -> None:
    """Never runs."""
