"""Whether what is simulated is in the services' own documents, where those are at hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

SPECS = Path(__file__).resolve().parent.parent.parent.parent / "shared" / "reference" / "specs"
SERVED = {
    "data-factory.json": [
        ("post", "/pipelines/{pipelineName}/createRun"),
        ("get", "/pipelines/{pipelineName}"),
        ("get", "/pipelines"),
        ("post", "/queryPipelineRuns"),
        ("get", "/pipelineruns/{runId}"),
        ("post", "/pipelineruns/{runId}/cancel"),
        ("post", "/pipelineruns/{runId}/queryActivityruns"),
    ],
    "fabric-jobs.json": [
        ("get", "/workspaces/{workspaceId}/items"),
        ("get", "/workspaces/{workspaceId}/items/{itemId}"),
        ("post", "/workspaces/{workspaceId}/items/{itemId}/jobs/{jobType}/instances"),
        ("get", "/workspaces/{workspaceId}/items/{itemId}/jobs/instances"),
        ("get", "/workspaces/{workspaceId}/items/{itemId}/jobs/instances/{jobInstanceId}"),
        ("post", "/workspaces/{workspaceId}/items/{itemId}/jobs/instances/{jobInstanceId}/cancel"),
        (
            "get",
            "/workspaces/{workspaceId}/notebooks/{notebookId}/jobs/execute/instances/{jobInstanceId}?beta=true",
        ),
    ],
    "power-bi-refresh.json": [
        ("get", "/groups/{groupId}"),
        ("get", "/groups/{groupId}/datasets"),
        ("get", "/groups/{groupId}/datasets/{datasetId}"),
        ("post", "/groups/{groupId}/datasets/{datasetId}/refreshes"),
        ("get", "/groups/{groupId}/datasets/{datasetId}/refreshes"),
        ("get", "/groups/{groupId}/datasets/{datasetId}/refreshes/{refreshId}"),
        ("delete", "/groups/{groupId}/datasets/{datasetId}/refreshes/{refreshId}"),
    ],
}


@pytest.mark.skipif(not SPECS.exists(), reason="the services' documents are not at hand")
@pytest.mark.parametrize("document", SERVED)
def test_every_simulated_call_is_documented(document: str) -> None:
    paths = json.loads((SPECS / document).read_text())["paths"]
    known = {
        (method, re.sub(r"^(.*/factories/\{factoryName\}|/v1.0/myorg)", "", path))
        for path in paths
        for method in paths[path]
    }
    known |= {(method, path) for path in paths for method in paths[path]}
    assert set(SERVED[document]) <= known
