"""What calls may hold: the API checks it, and its description tells it. Patterns are for whole texts."""

from __future__ import annotations

import re

MAX_BODY_BYTES = 262_144
MOST_EVENT_BODY_BYTES = 1_048_576  # what Event Grid delivers at most
MOST_EVENTS = 5_000  # of one delivery, as with Event Grid
RUN_RETRY_SECONDS = "5"
DEFAULT_LIMIT = 20
MOST_LISTED = 100
IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
CURSOR = re.compile(r"r\.[0-9]{13}\.[A-Za-z0-9_.\-]{1,100}")
PLATFORM_QUERY = frozenset({"code", "clientId"})  # function keys may come in the query
MOST_DIGITS = 1_000  # of a whole number: more than anything takes, and less than what readers stumble over
CALLBACK_TOKEN = re.compile(r"[1-9][0-9]{0,5}\.[0-9a-f]{64}")
