"""The dashboard: pages rendered here, that work without JavaScript and refresh themselves with it."""
