"""Whole hosts over HTTP: one process, killed processes, both storages."""
