"""chains.yaml: read, checked, and published as a JSON Schema."""

from shared.chains_file.mistakes import ChainsFileError, Mistake
from shared.chains_file.read import parse, read

__all__ = ["ChainsFileError", "Mistake", "parse", "read"]
