"""What a chain is, what a run is, and what happens next: no I/O, no clock, no logging."""
