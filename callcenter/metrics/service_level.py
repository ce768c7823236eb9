"""The service level: the one place of its formula.

service level = answered within the threshold / (offered - abandoned before the short-abandon cut)

Offered are all contacts that entered the queue, those still waiting included: a contact that has neither been answered
in time nor given up at once counts against it. It is the definition in which abandoned callers count (B. Cleveland,
Call Center Management on Fast Forward), unlike app_queue's, which leaves them out.
"""


def service_level(*, answered_within_threshold: int, offered: int, abandoned_short: int) -> float | None:
    """A share from 0 to 1; None while there is nothing to measure."""
    counted = offered - abandoned_short
    return answered_within_threshold / counted if counted > 0 else None
