"""What can be wrong with a flow, said so that its author can mend it.

IvrError
├── FlowError           flow_invalid           a file cannot be used; it holds every fault that was found
├── ConditionError      condition_invalid      a condition cannot be read, or not be answered
└── FlowAlreadyStarted  flow_already_started   one interpreter, one run
"""

# The name is said as it is caught ("except FlowAlreadyStarted"); the suffix Error would add nothing.

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in one line of a file; `code` is stable."""

    code: str
    filename: str
    line: int
    what: str
    right: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}: {self.what}; {self.right}"


class IvrError(Exception):
    """The root; `code` is stable."""

    code: ClassVar[str] = "ivr"


class FlowError(IvrError):
    """A file that cannot be used, with all its faults in the order of their lines."""

    code = "flow_invalid"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.filename, fault.line)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConditionError(IvrError):
    """A condition that cannot be read, or not be answered with the variables given."""

    code = "condition_invalid"


class FlowAlreadyStarted(IvrError):
    """The interpreter runs a flow already; nothing has happened."""

    code = "flow_already_started"
