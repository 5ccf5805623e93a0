"""Credentials by what the chains file says, and their failures in plain words.

A token problem is raised as what it means for a caller (RefusedError or TryLaterError), so it can never be skipped
in silence. Importing this package loads none of Azure's libraries.
"""

from shared.identity.identities import Identities, storage_credential
from shared.identity.identity import Identity

__all__ = ["Identities", "Identity", "storage_credential"]
