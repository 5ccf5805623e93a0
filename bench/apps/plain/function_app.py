"""What one writes by hand: one HTTP function that starts a pipeline with Azure's client, imported at the top."""

import os

import azure.functions as func
from azure.identity import ManagedIdentityCredential
from azure.mgmt.datafactory import DataFactoryManagementClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="runs", methods=["POST"])
def start(req: func.HttpRequest) -> func.HttpResponse:
    endpoint = os.environ["RESOURCE_MANAGER_ENDPOINT"]
    client = DataFactoryManagementClient(
        ManagedIdentityCredential(),
        os.environ["SUBSCRIPTION_ID"],
        base_url=endpoint,
        credential_scopes=["https://management.azure.com/.default"],
    )
    values = {"region": "emea", "run_date": "2026-11-21"}
    made = client.pipelines.create_run("rg-data", "adf-sales", "LoadSales", parameters=values, enforce_https=False)
    return func.HttpResponse(f'{{"id": "{made.run_id}"}}', status_code=202, mimetype="application/json")
