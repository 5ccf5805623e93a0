"""Long runs that print numbers, and end with 1 when something is wrong."""
