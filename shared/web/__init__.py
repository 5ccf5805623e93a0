"""The HTTP API: what each call answers, and problem+json."""
