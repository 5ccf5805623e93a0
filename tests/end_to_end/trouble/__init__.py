"""Several hosts, one Azurite, one simulated Azure, and somebody who breaks them: what must hold all the same."""
