"""Baton: starts data jobs, watches them, and hands over to the next step when they succeed."""
