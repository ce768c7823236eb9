"""Replays recorded conversations with Asterisk (tests/transcripts/*.ami) through our parser."""

from collections.abc import Iterator
from pathlib import Path

from callcenter.asterisk.ami_codec import AmiEvent, AmiParser

DIRECTORY = Path(__file__).parents[1] / "transcripts"


def events_of(name: str) -> Iterator[AmiEvent]:
    """The events of one recording, in their order."""
    text = (DIRECTORY / f"{name}.ami").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    parser = AmiParser()
    parser.receive(b"Asterisk Call Manager/11.0.0\r\n")
    parser.receive("".join(f"{line}\r\n" for line in lines).lstrip("\r\n").encode() + b"\r\n")
    while (message := parser.next_message()) is not None:
        if isinstance(message, AmiEvent):
            yield message
