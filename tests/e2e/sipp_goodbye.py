"""Ends the calls of a SIPp that was stopped: BYE and CANCEL from its port, by what its message log says.

SIPp told to place a number of calls cannot be made to hang up before they end by themselves.
"""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from functools import partial

from tests.e2e.sip_endpoint import PhoneTimeoutError, SipEndpoint, TracedMessage, new_branch
from tests.e2e.sip_message import Address, SipMessage, uri_of

GOODBYE_TIMEOUT_SECONDS = 4.0


def _address_of(uri: str) -> Address:
    found = re.match(r"sips?:(?:[^@]*@)?([^:;>]+)(?::(\d+))?", uri)
    if not found:
        raise ValueError(f"no host in {uri!r}")
    return found.group(1), int(found.group(2) or 5060)


def goodbyes(trace: Sequence[TracedMessage], local: Address) -> list[tuple[SipMessage, Address]]:
    """Make the BYE of every call that is up and the CANCEL of every call that is only asked for."""
    invites: dict[str, TracedMessage] = {}
    finals: dict[str, TracedMessage] = {}
    ended: set[str] = set()
    for traced in trace:
        message = traced.message
        if message.method == "INVITE" and not message.status:
            invites.setdefault(message.call_id, traced)
        elif message.method == "INVITE" and message.status >= 200:
            finals[message.call_id] = traced
        elif message.method == "BYE":
            ended.add(message.call_id)
    made = []
    for call_id, invite in invites.items():
        final = finals.get(call_id)
        if final is not None and final.message.status < 300 and call_id not in ended:
            made.append(_bye(invite, final, local))
        elif final is None and invite.direction == "sent":
            made.append(_cancel(invite.message))
    return made


def _bye(invite: TracedMessage, final: TracedMessage, local: Address) -> tuple[SipMessage, Address]:
    placed = invite.direction == "sent"
    ours, theirs = ("from", "to") if placed else ("to", "from")
    target = uri_of((final if placed else invite).message.header("contact"))
    headers = (
        ("Via", f"SIP/2.0/UDP {local[0]}:{local[1]};rport;branch={new_branch()}"),
        ("Max-Forwards", "70"),
        ("From", final.message.header(ours)),
        ("To", final.message.header(theirs)),
        ("Call-ID", final.message.call_id),
        ("CSeq", "901 BYE"),
    )
    return SipMessage(start_line=f"BYE {target} SIP/2.0", headers=headers), _address_of(target)


def _cancel(invite: SipMessage) -> tuple[SipMessage, Address]:
    uri = invite.start_line.split(" ")[1]
    kept = ("via", "from", "to", "call-id", "max-forwards")
    headers = [(name, value) for name, value in invite.headers if name.lower() in kept]
    headers.append(("CSeq", f"{invite.cseq} CANCEL"))
    return SipMessage(start_line=f"CANCEL {uri} SIP/2.0", headers=tuple(headers)), _address_of(uri)


def _acknowledge_refusals(endpoint: SipEndpoint, trace: Sequence[TracedMessage]) -> None:
    """Make the ACK that a cancelled INVITE's 487 will ask for."""
    for traced in trace:
        invite = traced.message
        if traced.direction == "sent" and invite.method == "INVITE" and not invite.status:
            uri = invite.start_line.split(" ")[1]
            kept = ("via", "from", "to", "call-id", "max-forwards")
            headers = [(name, value) for name, value in invite.headers if name.lower() in kept]
            headers.append(("CSeq", f"{invite.cseq} ACK"))
            ack = SipMessage(start_line=f"ACK {uri} SIP/2.0", headers=tuple(headers))
            endpoint.expect_refusal(ack, _address_of(uri))


async def say_goodbye(name: str, local: Address, trace: Sequence[TracedMessage]) -> list[TracedMessage]:
    """Send them all from SIPp's port and return what went over the wire. A server that is gone is not waited for."""
    requests = goodbyes(trace, local)
    if not requests:
        return []
    loop = asyncio.get_running_loop()
    _, endpoint = await loop.create_datagram_endpoint(partial(SipEndpoint, name, local), local_addr=local)
    try:
        _acknowledge_refusals(endpoint, trace)

        async def ask(request: SipMessage, destination: Address) -> None:
            with contextlib.suppress(PhoneTimeoutError):
                await endpoint.ask(request, destination, timeout_seconds=GOODBYE_TIMEOUT_SECONDS)

        await asyncio.gather(*(ask(request, destination) for request, destination in requests))
        cancelled = sum(request.method == "CANCEL" for request, _ in requests)
        with contextlib.suppress(PhoneTimeoutError):
            await endpoint.changes.until(
                lambda: sum(traced.message.status == 487 for traced in endpoint.trace) >= cancelled,
                GOODBYE_TIMEOUT_SECONDS,
                lambda: "no 487",
            )
    finally:
        await endpoint.close()
    return endpoint.trace
