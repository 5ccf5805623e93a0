"""A row as the entity that Table Storage keeps: long text in several properties, and who wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.storage.base import Row

PROPERTY_UNITS = 32_000  # UTF-16 units in one string property: the service takes 64 KB, by its emulator 64 KiB

# Every write call signs its rows, so that a call whose answer was lost can find out that it was served.
WRITER = "writer"


def to_entity(row: Row, writer: str) -> dict[str, str]:
    entity = {"PartitionKey": row.partition, "RowKey": row.key, WRITER: writer}
    for number, piece in enumerate(split(row.data)):
        entity[_property(number)] = piece
    return entity


def from_entity(entity: Mapping[str, Any], etag: str) -> Row:
    pieces: list[str] = []
    while (piece := entity.get(_property(len(pieces)))) is not None:
        pieces.append(piece)
    return Row(entity["PartitionKey"], entity["RowKey"], "".join(pieces), etag)


def _property(number: int) -> str:
    return f"data_{number}" if number else "data"


def split(text: str) -> Iterator[str]:
    """Pieces of at most PROPERTY_UNITS, surrogate pairs kept together; one empty piece for an empty text."""
    if len(text) * 2 <= PROPERTY_UNITS:
        yield text
        return
    units = text.encode("utf-16-le")  # two bytes each
    start = 0
    while start < len(units):
        end = min(start + 2 * PROPERTY_UNITS, len(units))
        if end < len(units) and 0xDC <= units[end + 1] <= 0xDF:  # the second half of a pair would come next
            end -= 2
        yield units[start:end].decode("utf-16-le")
        start = end
