"""Rows and messages, twice: Azure Table and Queue Storage, and SQLite on one machine.

`base` holds the interface and its limits; the two backends pass one contract suite.
"""
