"""One RTP stream of a test phone: sends silence, a tone or keys, and keeps what it hears for measuring."""

import array
import asyncio
import bisect
import contextlib
import math
import struct
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tests.e2e.sip_message import Address
from tests.patience import PATIENCE_SECONDS

SAMPLES_PER_SECOND = 8000
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
QUIETEST_DBFS = -96.0
KEYS = "0123456789*#ABCD"


def _decode_ulaw(code: int) -> int:
    bits = ~code & 0xFF
    magnitude = ((((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84
    return -magnitude if bits & 0x80 else magnitude


def _decode_alaw(code: int) -> int:
    bits = code ^ 0x55
    exponent = (bits >> 4) & 7
    magnitude = ((bits & 0x0F) << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if bits & 0x80 else -magnitude


# ITU-T G.711, by payload type (RFC 3551): 0 is PCMU, 8 is PCMA.
DECODED = {0: [_decode_ulaw(code) for code in range(256)], 8: [_decode_alaw(code) for code in range(256)]}
_BY_VALUE = {
    payload_type: sorted((value, code) for code, value in enumerate(table)) for payload_type, table in DECODED.items()
}


def encode_sample(payload_type: int, sample: int) -> int:
    """The G.711 code whose value is nearest to a 16-bit sample."""
    table = _BY_VALUE[payload_type]
    index = bisect.bisect_left(table, (sample, -1))
    near = table[max(index - 1, 0) : index + 1]
    return min(near, key=lambda entry: abs(entry[0] - sample))[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """A sine of whole hertz; the far end can tell it from speech and music."""

    hertz: int
    dbfs: float = -12.0

    def frames(self, payload_type: int) -> list[bytes]:
        """One second of it in 50 frames, which repeats without a seam."""
        peak = 32767 * 10 ** (self.dbfs / 20) * math.sqrt(2)
        samples = [
            round(peak * math.sin(2 * math.pi * self.hertz * index / SAMPLES_PER_SECOND))
            for index in range(SAMPLES_PER_SECOND)
        ]
        codes = bytes(encode_sample(payload_type, sample) for sample in samples)
        return [codes[start : start + FRAME_SAMPLES] for start in range(0, len(codes), FRAME_SAMPLES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Silence, as every phone sends it: 50 packets a second, or fewer where many phones share a machine."""

    packets_per_second: int = 50

    def frames(self, payload_type: int) -> list[bytes]:
        """One frame, repeated."""
        return [bytes([encode_sample(payload_type, 0)]) * FRAME_SAMPLES]


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """One received audio packet."""

    at: float
    payload_type: int
    payload: bytes

    def samples(self) -> list[int]:
        """Its 16-bit samples."""
        table = DECODED[self.payload_type]
        return [table[code] for code in self.payload]


class RtpStream(asyncio.DatagramProtocol):
    """Bound to a port for the length of a call. Times are of the monotonic clock, in seconds."""

    def __init__(self, local: Address) -> None:
        self.local = local
        self.heard: list[HeardFrame] = []
        self.keys_heard = ""
        self.pressed_at: list[float] = []
        """When each of his own keys was sent: a phone lets its owner hear them."""
        self._transport: asyncio.DatagramTransport | None = None
        self._sender: asyncio.Task[None] | None = None
        self._remote: Address | None = None
        self._payload_type = 8
        self._event_payload_type: int | None = 101
        self._sequence = 1
        self._timestamp = FRAME_SAMPLES
        self._keys: asyncio.Queue[str] = asyncio.Queue(maxsize=64)
        self._last_event_timestamp: int | None = None
        self._new_frame = asyncio.Event()
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket (called by asyncio)."""
        # In Python 3.11 a datagram transport is no instance of DatagramTransport.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the port is free again (called by asyncio)."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Store an audio packet or note a key; anything else is not RTP for us."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        payload_type = data[1] & 0x7F
        payload = data[12 + 4 * (data[0] & 0x0F) :]
        if payload_type in DECODED:
            self.heard.append(HeardFrame(time.monotonic(), payload_type, payload))
            self._new_frame.set()
        elif payload_type == self._event_payload_type and len(payload) >= 4 and payload[0] < len(KEYS):
            (timestamp,) = struct.unpack_from("!I", data, 4)
            if timestamp != self._last_event_timestamp:
                self._last_event_timestamp = timestamp
                self.keys_heard += KEYS[payload[0]]
                self._new_frame.set()

    def start_sending(
        self, remote: Address, payload_type: int, event_payload_type: int | None, sound: Tone | Silence
    ) -> None:
        """Send `sound` to `remote` from now on; called again after a new session description."""
        self._remote, self._payload_type, self._event_payload_type = remote, payload_type, event_payload_type
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_sound(sound), name=f"rtp {self.local}")

    def press(self, key: str) -> None:
        """Queue one key of 0-9 * # A-D, sent as an RFC 4733 event between the frames of sound."""
        if self._event_payload_type is None:
            raise ValueError("the far end takes no RFC 4733 keys; use SIP INFO")
        if len(key) != 1 or key not in KEYS:
            raise ValueError(f"no such key: {key!r}; keys are {KEYS}")
        self._keys.put_nowait(key)

    def mute(self) -> None:
        """Send nothing from now on, as a phone that lost its network."""
        self._remote = None

    async def close(self) -> None:
        """Stop sending and give the port back."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
            self._sender = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            await self._closed.wait()

    # Measuring ---------------------------------------------------------------------------------------

    def samples_heard(self, since: float = 0.0, until: float = math.inf) -> list[int]:
        """The samples of the packets that arrived in that time, in order."""
        return [sample for frame in self.heard if since <= frame.at < until for sample in frame.samples()]

    def loudness(self, since: float, until: float) -> float:
        """Root mean square of that time in dBFS; time without packets counts as silence."""
        energy = sum(sample * sample for sample in self.samples_heard(since, until))
        mean = energy / max((until - since) * SAMPLES_PER_SECOND, 1.0)
        return max(QUIETEST_DBFS, 10 * math.log10(mean / 32768**2)) if mean else QUIETEST_DBFS

    def tone_share(self, hertz: int, since: float = 0.0, until: float = math.inf) -> float:
        """How much of the energy heard is this tone, 0 to 1 (Goertzel, in blocks of 100 ms)."""
        samples = self.samples_heard(since, until)
        factor = 2 * math.cos(2 * math.pi * hertz / SAMPLES_PER_SECOND)
        total = tone = 0.0
        for start in range(0, len(samples) - 799, 800):
            block = samples[start : start + 800]
            one_back = two_back = 0.0
            for sample in block:
                one_back, two_back = sample + factor * one_back - two_back, one_back
            tone += (one_back**2 + two_back**2 - factor * one_back * two_back) * 2 / len(block)
            total += sum(sample * sample for sample in block)
        return tone / total if total else 0.0

    async def hear_sound(self, timeout_seconds: float = PATIENCE_SECONDS, above_dbfs: float = -45.0) -> None:
        """Return when the last 200 ms were louder than that."""
        await self._until(lambda now: self.loudness(now - 0.2, now) > above_dbfs, timeout_seconds, "no sound heard")

    async def hear_silence(
        self, timeout_seconds: float = PATIENCE_SECONDS, below_dbfs: float = -55.0, lasting_seconds: float = 0.5
    ) -> None:
        """Return when the last `lasting_seconds` were quieter than that."""
        started = time.monotonic()
        await self._until(
            lambda now: now - started >= lasting_seconds and self.loudness(now - lasting_seconds, now) < below_dbfs,
            timeout_seconds,
            "no silence heard",
        )

    async def hear_tone(self, hertz: int, timeout_seconds: float = PATIENCE_SECONDS, share: float = 0.5) -> None:
        """Return when that much of the last 400 ms was this tone."""
        await self._until(
            lambda now: (
                len(self.samples_heard(now - 0.4, now)) >= 0.3 * SAMPLES_PER_SECOND
                and self.tone_share(hertz, now - 0.4, now) > share
                and self.loudness(now - 0.4, now) > -45.0
            ),
            timeout_seconds,
            f"no tone of {hertz} Hz heard",
        )

    async def hear_keys(self, keys: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Return when exactly these keys have been heard since the call began."""
        await self._until(
            lambda _: self.keys_heard == keys, timeout_seconds, f"not the keys {keys} but {self.keys_heard}"
        )

    def write_wav(self, path: Path) -> None:
        """Write what was heard as a mono WAV file of 8 kHz; gaps between packets are not filled."""
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, SAMPLES_PER_SECOND, 0, "NONE", "not compressed"))
            out.writeframes(array.array("h", self.samples_heard()).tobytes())

    async def _until(self, holds: Callable[[float], bool], timeout_seconds: float, complaint: str) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not holds(time.monotonic()):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{complaint} within {timeout_seconds} s; {len(self.heard)} packets arrived")
            self._new_frame.clear()
            # Silence may also be that no packet comes, so time alone must wake this up as well.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._new_frame.wait(), 0.05)

    # Sending -----------------------------------------------------------------------------------------

    def _send(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        if self._transport is None or self._remote is None:
            return
        header = struct.pack(
            "!BBHII",
            0x80,
            payload_type | (0x80 if marker else 0),
            self._sequence & 0xFFFF,
            self._timestamp & 0xFFFFFFFF,
            0x50484F4E,
        )
        self._sequence += 1
        self._transport.sendto(header + payload, self._remote)

    async def _send_sound(self, sound: Tone | Silence) -> None:
        frames = sound.frames(self._payload_type)
        every = 50 // sound.packets_per_second if isinstance(sound, Silence) else 1
        next_at = time.monotonic()
        number = 0
        while True:
            if not self._keys.empty():
                next_at = await self._send_key(self._keys.get_nowait(), next_at)
            self._send(self._payload_type, frames[number % len(frames)], marker=number == 0)
            number += 1
            self._timestamp += FRAME_SAMPLES * every
            next_at += FRAME_SECONDS * every
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))

    async def _send_key(self, key: str, next_at: float) -> float:
        """Send eight packets of the growing event, three of its end, and a pause before the next."""
        assert self._event_payload_type is not None
        code, frames = KEYS.index(key), 8
        self.pressed_at.append(time.monotonic())
        for number in range(1, frames + 1):
            event = struct.pack("!BBH", code, 10, number * FRAME_SAMPLES)
            self._send(self._event_payload_type, event, marker=number == 1)
            next_at += FRAME_SECONDS
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        for _ in range(3):
            self._send(self._event_payload_type, struct.pack("!BBH", code, 0x80 | 10, frames * FRAME_SAMPLES))
        self._timestamp += FRAME_SAMPLES * (frames + 4)
        next_at += FRAME_SECONDS * 4
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        return next_at
