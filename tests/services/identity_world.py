"""A simulated Entra and Key Vault in one process, and hosts of Baton on the official clients."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from local.simulated_azure.adapter import SimulatedAdapter
from local.simulated_azure.entra import Application
from local.simulated_azure.world import SimulatedAzure
from shared.core.definition import Credential
from shared.identity import Identities, Identity
from shared.settings import Settings

TENANT = "tenant-1"
CLIENT = "11111111-1111-1111-1111-111111111111"
SCOPE = "https://management.azure.com/.default"
VAULT = "kv-baton.vault.azure.net"
ADDRESS = f"https://{VAULT}/secrets/analyst"
ANALYST = Credential(
    type="refresh_token", name="analyst", tenant=TENANT, client_id=CLIENT, refresh_token_url=ADDRESS
)


class Host(Identities):
    """One instance of Baton. Its own managed identity is there without a platform around it."""

    def __init__(self, world: World, settings: Settings, session: requests.Session) -> None:
        super().__init__(settings, session, lambda: world.now)
        self._world = world
        self.settings, self.session = settings, session

    def of(self, credential: Credential) -> Identity:
        if credential.type == "managed_identity":
            return Identity(_OwnCredential(self._world), "the app's managed identity")
        return super().of(credential)


@dataclass(slots=True)
class _OwnCredential:
    """Its tokens last for years: Key Vault's library looks at the real clock, the simulation at a virtual one."""

    world: World

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.world.asked_for.append(scopes[0])
        expires = int((self.world.now + timedelta(days=3_650)).timestamp())
        return AccessToken(f"{scopes[0].removesuffix('/.default')}|{expires}", expires)


class WatchedAdapter(SimulatedAdapter):
    """Notes which hosts were asked."""

    def __init__(self, world: World) -> None:
        super().__init__(world.azure)
        self._world = world

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self._world.hosts.append(str(request.headers.get("Host") or (request.url or "").split("/")[2]))
        return super().send(request, **options)


@dataclass
class World:
    """The clock is real at first: some of the libraries look at their own."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    application: Application = field(default_factory=lambda: Application(tenant=TENANT, client_id=CLIENT))
    asked_for: list[str] = field(default_factory=list)  # scopes of the app's own tokens
    hosts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.azure = SimulatedAzure(clock=lambda: self.now, random=random.Random(1))
        self.entra = self.azure.identity.entra
        self.entra.applications.append(self.application)
        self.vault = self.azure.key_vault.vault(VAULT)

    def host(self, adapter: requests.adapters.BaseAdapter | None = None, /, **settings: str) -> Host:
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", adapter or WatchedAdapter(self))
        mapping = {"AzureWebJobsStorage": "sqlite::memory:", **settings}
        return Host(self, Settings.from_mapping(mapping), session)

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def versions(self, name: str = "analyst") -> list[str]:
        return [version.value for version in self.vault.secrets.get(name, [])]


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that signs for an application, as people keep it."""

    public: bytes
    pem: str
    pkcs12: str  # base64, as Key Vault holds it
    locked: str  # PKCS#12 in base64, with PASSWORD


PASSWORD = "a password for a file"


def client_certificate(ends_at: datetime) -> ClientCertificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "baton")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends_at - timedelta(days=400))
        .not_valid_after(ends_at)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def packed(lock: KeySerializationEncryption) -> str:
        data = pkcs12.serialize_key_and_certificates(b"baton", key, made, None, lock)
        return base64.b64encode(data).decode()

    return ClientCertificate(
        public,
        (private + public).decode(),
        packed(NoEncryption()),
        packed(BestAvailableEncryption(PASSWORD.encode())),
    )
