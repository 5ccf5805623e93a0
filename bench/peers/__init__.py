"""Baton beside what its users have: the same runs, the same simulated Azure, the same virtual clock."""
