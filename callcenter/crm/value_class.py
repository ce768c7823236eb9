"""The classes of value by name, apart from how they are cut, so that reading one does not import numpy."""

from enum import StrEnum


class ValueClass(StrEnum):
    """A is the most valuable."""

    A = "A"
    B = "B"
    C = "C"
