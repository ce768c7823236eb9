"""Everything that can go wrong between us and Asterisk: one tree, each leaf with a code that never changes.

AsteriskError
├── AsteriskSetupError          asterisk_setup            a configuration that cannot work
├── AsteriskProcessError        asterisk_process          our own Asterisk did not start, or ended
├── AmiError
│   ├── AmiFieldError           ami_field                 a name or value that must not be sent
│   ├── AmiProtocolError        ami_protocol              the peer does not speak AMI
│   │   └── AmiMessageTooLong   ami_message_too_long
│   ├── AmiConnectError         ami_connect               nobody listens, or the set-up took too long
│   ├── AmiAuthenticationError  ami_authentication        wrong user name or secret
│   ├── AmiDisconnected         ami_disconnected          the connection went; the outcome is unknown
│   │   └── AmiSilent           ami_silent                half-open: the peer stopped answering pings
│   ├── AmiTimeout              ami_timeout               connected, but no answer to this action in time
│   ├── AmiActionFailed         ami_action_failed         Asterisk answered with an error
│   ├── AmiBusy                 ami_busy                  too many actions or too many bytes wait
│   └── AmiInboxOverflow        ami_inbox_overflow        our own reader is too slow
└── AgiError
    ├── AgiCommandError         agi_command               a command that must not be sent
    ├── AgiProtocolError        agi_protocol              the peer does not speak AGI
    ├── AgiListenError          agi_listen                the address cannot be bound
    ├── AgiClosed               agi_closed                the connection went
    ├── AgiTimeout              agi_timeout               no reply in time; the session is closed
    ├── AgiHangup               agi_hangup                the caller is gone
    └── AgiCommandFailed        agi_command_failed        Asterisk refused the command
"""

# The names are said as they are caught ("except AgiHangup"); the suffix Error would add nothing.

from __future__ import annotations

from typing import ClassVar


class AsteriskError(Exception):
    """The root: `code` is stable and may be shown, logged and matched on."""

    code: ClassVar[str] = "asterisk"


class AsteriskSetupError(AsteriskError):
    """The configuration for Asterisk cannot work as written."""

    code = "asterisk_setup"


class AsteriskProcessError(AsteriskError):
    """The Asterisk that we run ourselves did not start, or ended by itself."""

    code = "asterisk_process"


class AmiError(AsteriskError):
    """Anything about the manager interface."""

    code = "ami"


class AmiFieldError(AmiError, ValueError):
    """A header name or value that would break, or break out of, its line."""

    code = "ami_field"


class AmiProtocolError(AmiError):
    """What arrived is not AMI."""

    code = "ami_protocol"


class AmiMessageTooLong(AmiProtocolError):
    """A message, or the banner, passed its limit before it ended."""

    code = "ami_message_too_long"


class AmiConnectError(AmiError):
    """No connection: refused, unreachable, or the set-up took too long."""

    code = "ami_connect"


class AmiAuthenticationError(AmiError):
    """Asterisk refused the user name or the secret."""

    code = "ami_authentication"


class AmiDisconnected(AmiError):
    """There is no connection, or it went before the answer: whether the action was done is unknown."""

    code = "ami_disconnected"


class AmiSilent(AmiDisconnected):
    """The connection looks open but the peer has stopped answering."""

    code = "ami_silent"


class AmiTimeout(AmiError):
    """The connection stands, but this action was not answered in its time."""

    code = "ami_timeout"


class AmiActionFailed(AmiError):
    """Asterisk answered the action with an error; `reason` is its own text."""

    code = "ami_action_failed"

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(f"Asterisk refused the AMI action {action}: {reason or 'no reason given'}")
        self.action = action
        self.reason = reason


class AmiBusy(AmiError):
    """The bound on waiting actions or on unsent bytes is reached; nothing was sent."""

    code = "ami_busy"


class AmiInboxOverflow(AmiError):
    """The reader of our messages is too slow: the connection is dropped lest something be lost in silence."""

    code = "ami_inbox_overflow"


class AgiError(AsteriskError):
    """Anything about an AGI session."""

    code = "agi"


class AgiCommandError(AgiError, ValueError):
    """A command that would break, or break out of, its line."""

    code = "agi_command"


class AgiProtocolError(AgiError):
    """What arrived is not AGI, or not in its order."""

    code = "agi_protocol"


class AgiListenError(AgiError):
    """The FastAGI server cannot listen where it was told to."""

    code = "agi_listen"


class AgiClosed(AgiError):
    """The connection of the session went."""

    code = "agi_closed"


class AgiTimeout(AgiError):
    """A command was not answered in its time; the session is out of step and therefore closed."""

    code = "agi_timeout"


class AgiHangup(AgiError):
    """The caller is gone."""

    code = "agi_hangup"


class AgiCommandFailed(AgiError):
    """Asterisk refused the command, or could not do it; `reply_code` is Asterisk's number."""

    code = "agi_command_failed"

    def __init__(self, command: str, reply_code: int, reason: str) -> None:
        super().__init__(f"Asterisk refused the AGI command {command}: {reply_code} {reason}")
        self.command = command
        self.reply_code = reply_code
        self.reason = reason
