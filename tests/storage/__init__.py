"""Both storage backends against one contract, and each against its own dangers."""
