"""A supervisor's ear in a talk: how he takes part, whom it is announced to, and how it ended."""

from enum import StrEnum


class MonitorMode(StrEnum):
    """Who hears him; he himself hears both sides in every mode."""

    LISTEN = "listen"
    """Nobody."""
    WHISPER = "whisper"
    """The agent alone."""
    BARGE = "barge"
    """The agent and the caller."""


class Announcement(StrEnum):
    """What those in the talk learn of it; in the audit log it is always."""

    SILENT = "silent"
    TONE = "tone"
    """Both sides hear a short tone when it begins."""
    SAID = "said"
    """The agent's desktop shows who listens."""


class MonitorEnd(StrEnum):
    """Why it is over."""

    HUNG_UP = "hung_up"
    """He put his phone down."""
    STOPPED = "stopped"
    """He ended it on the page."""
    TALK_OVER = "talk_over"
    TOOK_OVER = "took_over"
    """He has the caller now."""
    NOT_ANSWERED = "not_answered"
    """His phone rang in vain."""
    DECLINED = "declined"
    """His phone was busy, or he did not want it."""
    UNREACHABLE = "unreachable"
    """His phone is not registered, or cannot be called."""
    LOST = "lost"
    """Nobody was there to see how."""
