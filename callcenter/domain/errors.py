"""The tree of errors the domain raises; each has a stable code.

CallcenterError
├── NotFound            unknown_agent, unknown_queue, unknown_interaction, unknown_offer, unknown_customer
├── IllegalTransition   illegal_transition
├── Conflict            agent_not_logged_in, interaction_not_yours, already_waiting, ...
│   └── Outdated        outdated
├── InvalidValue        invalid_value and narrower codes
└── Overloaded          overloaded
"""

from callcenter.domain.labels import Label


class CallcenterError(Exception):
    """Anything this server says no to; `code` is stable, the message is for people."""

    code = "callcenter_error"

    def __init__(self, message: str, *, code: str | None = None, said: Label | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.said = said
        """What the code alone does not tell, in both languages."""


class NotFound(CallcenterError):
    """Something was named that is not there."""

    code = "not_found"


class IllegalTransition(CallcenterError):
    """The state table has no such step; nothing has happened."""

    code = "illegal_transition"


class Conflict(CallcenterError):
    """The request is well formed but does not fit what is the case now."""

    code = "conflict"


class Outdated(Conflict):
    """Somebody else has changed it since it was read; nothing has happened."""

    code = "outdated"


class InvalidValue(CallcenterError):
    """A value cannot be what it says it is; `field` names what was filled in so, where that is known."""

    code = "invalid_value"

    def __init__(
        self, message: str, *, code: str | None = None, field: str | None = None, said: Label | None = None
    ) -> None:
        super().__init__(message, code=code, said=said)
        self.field = field


class Overloaded(CallcenterError):
    """A bounded queue is full; trying again later may help."""

    code = "overloaded"
