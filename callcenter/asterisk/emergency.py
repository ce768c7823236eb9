"""The emergency script: Asterisk runs it by itself when the server is away and nobody of the plain queue has answered.

The caller is told that we are sorry, and chooses: to be called back on his number, or to leave a message. What he wants
is one file in the spool, whole or not there at all; the server takes it in when it is back (app/emergency_intake.py).

Law: it needs nothing of the server, and whatever fails in it ends in a hang-up, never in a caller who hears nothing.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import unquote

from asterisk.agi import AGI, AGIException

PROMPTS: Final = "callcenter"
"""The directory of the sounds below `<sounds>/<language>/`, as `PromptLibrary.write_stable` writes them."""
SECOND_LANGUAGE: Final = "en"
LISTEN_MILLISECONDS: Final = 5_000
MOST_TRIES: Final = 3
LONGEST_MILLISECONDS: Final = 180_000
SILENCE_SECONDS: Final = 5
SHORTEST_BYTES: Final = 44 + 16_000
"""A second of sound after the header: less is no message."""
TAKEN_WITHIN_SECONDS: Final = 3.0
"""So long his channel stays for a server that is back, so that his call ends as what it was."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}")
_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}")
_TEXT_LIMIT: Final = 160


class Emergency:
    """One caller."""

    def __init__(self, agi: AGI, options: argparse.Namespace) -> None:
        self._agi = agi
        self._spool = Path(options.spool)
        self._sounds = Path(options.sounds)
        self._may_call_back = bool(options.callbacks)
        self._id: str = options.id
        self._number = _text(options.ani)
        self._said = {"dnis": options.dnis, "ani": options.ani, "name": options.name, "queue_id": options.queue}
        self._entered = options.entered
        self._language = str(agi.env.get("agi_language", "")) or SECOND_LANGUAGE

    def run(self) -> None:
        """Offer what there is; raises `AGIException` when the caller is gone."""
        if self._may_call_back and _NUMBER.fullmatch(self._number):
            for _ in range(MOST_TRIES):
                key = self._say("emergency_offer", "12") or self._listen()
                if key == "1":
                    self._write("callback")
                    self._say("emergency_callback_taken")
                    return
                if key == "2":
                    break
            else:
                return
        else:
            self._say("apology")
        self._take_message()

    def _take_message(self) -> None:
        self._say("leave_message")
        name = f"message-{self._id}"
        try:
            self._agi.record_file(str(self._spool / name), "wav", "#", LONGEST_MILLISECONDS, 0, "BEEP", SILENCE_SECONDS)
        finally:
            # Who hangs up has said what he has said.
            file = self._spool / f"{name}.wav"
            is_message = file.exists() and file.stat().st_size >= SHORTEST_BYTES
            if is_message:
                self._write("message", file.name)
        if is_message:
            self._say("message_kept")

    def _say(self, prompt: str, keys: str = "") -> str:
        """Play a prompt in his language, else in English; without a file of either there is the beep alone."""
        for language in dict.fromkeys((self._language, self._language.partition("-")[0], SECOND_LANGUAGE)):
            path = self._sounds / language / PROMPTS / prompt
            if path.with_suffix(".wav").is_file():
                return str(self._agi.stream_file(str(path), keys) or "")
        return str(self._agi.stream_file("beep", keys) or "")

    def _listen(self) -> str:
        return str(self._agi.wait_for_digit(LISTEN_MILLISECONDS) or "")

    def _write(self, wish: str, file: str | None = None) -> None:
        """Put the wish into the spool: on the disk first, and then under its name."""
        said = {name: _text(value) for name, value in self._said.items()}
        document = {
            "version": 1,
            "interaction_id": self._id,
            **said,
            "language": self._language,
            "entered_at": int(self._entered) if str(self._entered).isdigit() else int(time.time()),
            "wished_at": time.time(),
            "wish": wish,
            "file": file,
        }
        part = self._spool / f"{self._id}.part"
        with part.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._spool / f"{self._id}.json")
        directory = os.open(self._spool, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def wait_until_taken(self) -> None:
        """Let a server that has come back take the wish in before the channel ends."""
        deadline = time.monotonic() + TAKEN_WITHIN_SECONDS
        while (self._spool / f"{self._id}.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)


def _text(encoded: str) -> str:
    decoded = unquote(encoded, errors="replace")
    return "".join(sign for sign in decoded if sign.isprintable())[:_TEXT_LIMIT].strip()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spool", required=True)
    parser.add_argument("--sounds", required=True)
    parser.add_argument("--callbacks", action="store_true")
    for name in ("id", "dnis", "ani", "name", "queue", "entered"):
        parser.add_argument(name, nargs="?", default="")
    return parser.parse_args(arguments)


@contextmanager
def _nowhere() -> Iterator[TextIO]:
    """pyst2 tells its error output everything, numbers too; that would be Asterisk's console."""
    with Path(os.devnull).open("w", encoding="utf-8") as stream:
        yield stream


def main(arguments: Sequence[str]) -> int:
    """Serve one caller; 0 also when he hangs up meanwhile."""
    options = _options(arguments)
    if not _ID.fullmatch(options.id):
        return 2
    with _nowhere() as silent:
        emergency = Emergency(AGI(sys.stdin, sys.stdout, silent), options)
        # He may hang up at any word; what he wanted is written. pyst2 takes the end of its input for a number.
        with suppress(AGIException, OSError, ValueError):
            emergency.run()
        emergency.wait_until_taken()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
