"""Deterministic fault simulation: the real relay, store and services, one seed, a virtual clock, and bad luck."""
