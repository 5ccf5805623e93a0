"""Behaviour of the local Functions host."""
