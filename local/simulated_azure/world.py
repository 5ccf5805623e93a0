"""The simulated Azure as one object: requests in, answers out, and everything that happened kept for asking."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from local.simulated_azure.data_factory import DataFactory
from local.simulated_azure.event_delivery import EventDelivery
from local.simulated_azure.event_grid_topic import EventGridTopic
from local.simulated_azure.fabric import Fabric
from local.simulated_azure.fabric_items import in_flat_envelope
from local.simulated_azure.faults import Faults
from local.simulated_azure.identity import Identity
from local.simulated_azure.key_vault import KeyVault
from local.simulated_azure.messages import Request, Response, problem
from local.simulated_azure.power_bi import PowerBi
from local.simulated_azure.synapse import Synapse
from local.simulated_azure.workspaces import GroupUsers, RoleAssignments

RESOURCE_MANAGER = "https://management.azure.com"
POWER_BI = "https://analysis.windows.net/powerbi/api"
SYNAPSE = "https://dev.azuresynapse.net"
FABRIC = "https://api.fabric.microsoft.com"
EVENT_GRID = "https://eventgrid.azure.net"

Observer = Callable[[Request, Response | None], None]  # None: the connection ended without an answer


class SimulatedAzure:
    """All services of one simulated cloud. Safe across threads; deterministic for one clock and one randomness."""

    observer: ClassVar[Observer | None] = None  # told of every exchange, for those who check them

    def __init__(self, *, clock: Callable[[], datetime], random: random.Random) -> None:
        self._random = random
        self._lock = threading.Lock()
        self.faults = Faults(random, [])
        self.identity = Identity(clock, self._fresh_id)
        self.key_vault = KeyVault(clock, self._fresh_id, self.identity.refusal)
        self.data_factory = DataFactory(clock, self._fresh_id, self.faults)
        self.power_bi = PowerBi(clock, self._fresh_id, self.faults)
        self.synapse = Synapse(clock, self._fresh_id, self.faults)
        self.fabric = Fabric(clock, self._fresh_id, self.faults)
        self.events = EventDelivery(clock=clock, chance=random)
        self.event_grid = EventGridTopic(clock)
        self.group_users = GroupUsers()
        self.role_assignments = RoleAssignments()
        self.calls: Counter[str] = Counter()

    def handle(self, request: Request) -> Response:
        """The service's answer. Raises LostError when the connection ends without one."""
        told: Response | None = None
        try:
            with self._lock:
                operation, act = self._routed(request)
                told = self._handled(operation, act)
                if operation.startswith("fabric."):
                    told = in_flat_envelope(told)
            return told
        finally:
            observer = type(self).observer
            if observer is not None:
                observer(request, told)

    def _handled(self, operation: str, act: Callable[[], Response]) -> Response:
        self.calls[operation] += 1
        before = self.faults.due(operation, "before")
        if before is not None and (told := before.response()) is not None:
            return told
        own = act()
        after = self.faults.due(operation, "after")
        if after is not None and (told := after.response()) is not None:
            return told
        return own

    def _routed(self, request: Request) -> tuple[str, Callable[[], Response]]:
        for service, audience in (
            (self.group_users, POWER_BI),  # before the services whose paths theirs are part of
            (self.role_assignments, FABRIC),
            (self.synapse, SYNAPSE),  # first: it is known by its host
            (self.data_factory, RESOURCE_MANAGER),
            (self.power_bi, POWER_BI),
            (self.fabric, FABRIC),
            (self.event_grid, EVENT_GRID),
        ):
            found = service.handle(request)
            if found is not None:
                return self._guarded(request, audience, *found)
        own = self.key_vault.handle(request) or self.identity.handle(request)
        return own or ("unknown", lambda: problem(404, "NotFound", f"Nothing is simulated at {request.path}."))

    def _guarded(
        self, request: Request, audience: str, operation: str, act: Callable[[], Response]
    ) -> tuple[str, Callable[[], Response]]:
        return operation, lambda: self.identity.refusal(request, audience) or act()

    def _fresh_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
