"""The use cases, one function per verb: start, advance, watch, cancel, tick."""
