"""Run everything on one machine: a small Functions host and a simulated Azure. Not deployed."""
