"""The texts that chains.yaml is made of: their patterns, and what to say of one that does not match."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictStr

GUID = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
DURATION = r"^[0-9]+(\.[0-9]+)?[smhd]$"
SETTING = r"^%[A-Za-z_][A-Za-z0-9_]+%$"
VAULT_ADDRESS = (
    r"^https://([0-9A-Za-z-]|%[A-Za-z_][A-Za-z0-9_]+%)+\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)"
    r"/secrets/([0-9A-Za-z-]|%[A-Za-z_][A-Za-z0-9_]+%)+$"
)
SECRET = rf"{SETTING}|{VAULT_ADDRESS[:-1]}(/[0-9A-Fa-f]{{32}})?$"
FACTORY = r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$"
GROUP = r"^[-\w._()]+$"
SYNAPSE = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"
PIPELINE = r"^[A-Za-z0-9_][^<>*#.%&:\\+?/]*$"
HOUR = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$"
CLOCK = r"^([0-9]{1,2}:[0-5][0-9]:[0-5][0-9]|[0-9]+[smhd])$"

# What to say of a text that does not match.
HINTS = {
    GUID: "must be a GUID like 00000000-0000-0000-0000-000000000000",
    DURATION: "must be a duration: a number with s, m, h or d, like 90s, 5m, 2h or 1d",
    SETTING: "must name an app setting like %CI_SECRET%; a secret never stands in the file itself",
    VAULT_ADDRESS: "must be a Key Vault secret's address like https://kv-baton.vault.azure.net/secrets/analyst",
    SECRET: "must name an app setting like %CI_SECRET%, or a Key Vault secret like"
    " https://kv-baton.vault.azure.net/secrets/ci; a secret never stands in the file itself",
    FACTORY: "must be a factory's name: letters, digits and single hyphens",
    GROUP: "must be a resource group's name: letters, digits, - _ . ( )",
    SYNAPSE: "must be a workspace's name: letters, digits and hyphens (not its address)",
    PIPELINE: r"must be a pipeline's name, which holds none of < > * # . % & : \ + ? /",
    HOUR: "must be a time of the day like '07:00', in quotes",
    CLOCK: "must be hh:mm:ss, or a duration like 2h",
}

Text = Annotated[StrictStr, Field(min_length=1)]
Guid = Annotated[StrictStr, Field(pattern=GUID)]
SecretPlace = Annotated[
    StrictStr,
    Field(pattern=SECRET, examples=["%CI_SECRET%", "https://kv-baton.vault.azure.net/secrets/ci"]),
]
Duration = Annotated[StrictStr, Field(pattern=DURATION, examples=["90s", "5m", "2h", "1d"])]
