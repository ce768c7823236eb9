"""The tree of errors of the web server itself.

WebError
└── PortTaken   port_taken, bind_refused
"""


class WebError(Exception):
    """The web server cannot do its work; `code` is stable, the message says what would help."""

    code = "web_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class PortTaken(WebError):
    """The address cannot be listened on."""

    code = "port_taken"
