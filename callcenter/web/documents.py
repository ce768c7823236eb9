"""Answers as JSON, by the same encoder as the live feed, so that a document reads the same on both ways."""

import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder()


def document(content: object, status: int = 200, media_type: str = "application/json") -> Response:
    """An answer that carries a view: a dataclass, or plain values of them."""
    return Response(_encoder.encode(content), status_code=status, media_type=media_type)


def no_content() -> Response:
    """An answer without a body."""
    return Response(status_code=204)
