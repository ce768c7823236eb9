"""What can go wrong with simulated traffic.

TrafficError
├── SippError       SIPp did not do what it was started for
└── DeskError       the server did not answer, or refused
    └── NotSignedInError
"""


class TrafficError(Exception):
    """Traffic cannot go on here; the message says what was wrong."""

    code = "traffic"


class SippError(TrafficError):
    """SIPp did not do what it was started for."""

    code = "sipp"


class DeskError(TrafficError):
    """The server did not answer, or refused."""

    code = "desk"


class NotSignedInError(DeskError):
    """The session is over."""

    code = "not_signed_in"
