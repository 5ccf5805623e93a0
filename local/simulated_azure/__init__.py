"""A stand-in for Azure on one machine: tokens, Key Vault, Data Factory, Synapse, Fabric and Power BI, with faults.

It follows the services' published REST documents, keeps all state in one object, and takes its time and its luck
from outside, so that tests can run it in virtual time. What the documents leave open is chosen here, and nothing
in Baton may depend on it.
"""
