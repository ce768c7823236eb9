"""Orders to the exchange over AMI: ring an agent into our own context, stop ringing him.

Law: the agent's leg gets the offer's id as its unique id, so that an order that is repeated collides.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from callcenter.app.ports import CallerLine
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiResponse
from callcenter.asterisk.errors import AmiActionFailed, AmiError, AmiFieldError
from callcenter.domain.actions import RingAgent
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.offers import OfferCause

log = structlog.get_logger(__name__)

AGENT_CONTEXT: Final = "cc-agent"
ACTION_TIMEOUT: Final = timedelta(seconds=5)
_NUMBER_SIGNS: Final = frozenset("0123456789+*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLine:
    """The trunk over which agents' outside numbers are called."""

    trunk: str | None = None


def dial_string(agent_id: AgentId, phone: Phone, outside: OutsideLine) -> str:
    """What Asterisk dials for an agent's phone; raises `InvalidValue` for one that cannot be dialled."""
    match phone.kind:
        case PhoneKind.SIP:
            return f"PJSIP/{agent_id}"
        case PhoneKind.BROWSER:
            return f"PJSIP/{agent_id}w"
        case PhoneKind.ADDRESS:
            address = (phone.address or "").removeprefix("sip:")
            if not address or any(sign.isspace() or sign in "/,;&|\"'<>$" for sign in address):
                raise InvalidValue(
                    f"agent {agent_id}: {phone.address!r} is no SIP address; one like user@host:5060 is wanted",
                    code="invalid_phone_address",
                )
            return f"PJSIP/cc-out/sip:{address}"
        case PhoneKind.OUTSIDE:
            number = phone.address or ""
            if outside.trunk is None:
                raise InvalidValue(
                    f"agent {agent_id} wants to be rung outside, but no trunk is marked for calls out in the settings",
                    code="no_outside_line",
                )
            if not number or not set(number) <= _NUMBER_SIGNS:
                raise InvalidValue(f"agent {agent_id}: {number!r} is no number to dial", code="invalid_phone_address")
            return f"PJSIP/{number}@{outside.trunk}"


def device_of(agent_id: AgentId, phone: Phone) -> str | None:
    """The device whose state tells how the agent's phone is; None where Asterisk cannot know."""
    match phone.kind:
        case PhoneKind.SIP:
            return f"PJSIP/{agent_id}"
        case PhoneKind.BROWSER:
            return f"PJSIP/{agent_id}w"
        case _:
            return None


class AmiTelephony:
    """The port `Telephony`; `expect` hears of every leg that is ordered, `failed` of orders that went wrong."""

    def __init__(
        self,
        client: AmiClient,
        outside: OutsideLine,
        *,
        expect: Callable[[OfferId, InteractionId, AgentId], None],
        failed: Callable[[OfferId, OfferCause], None],
    ) -> None:
        self._client = client
        self._outside = outside
        self._expect = expect
        self._failed = failed

    def ring_agent(self, order: RingAgent, caller: CallerLine) -> None:
        """Originate the agent's leg into the context that bridges him with the caller."""
        try:
            device = dial_string(order.agent_id, order.phone, self._outside)
            fields = {
                "Channel": device,
                "ChannelId": order.offer_id,
                "Context": AGENT_CONTEXT,
                "Exten": "s",
                "Priority": "1",
                "Timeout": str(int(order.ring_timeout.total_seconds() * 1000)),
                "Async": "true",
                "CallerID": _caller_id(caller),
                "Variable": (
                    "CC_ROLE=agent",
                    f"CC_OFFER={order.offer_id}",
                    f"CC_ID={order.interaction_id}",
                    f"CC_AGENT={order.agent_id}",
                    f"CC_CALLER={order.interaction_id}",
                ),
            }
            self._expect(order.offer_id, order.interaction_id, order.agent_id)
            answer = self._client.send_nowait("Originate", fields, ACTION_TIMEOUT, action_id=order.offer_id)
        except (AmiFieldError, InvalidValue) as error:
            log.warning("agent_not_rung", agent_id=order.agent_id, code=error.code, error=str(error))
            self._failed(order.offer_id, OfferCause.UNREACHABLE)
            return
        answer.add_done_callback(lambda done: self._answered(order, done))

    def stop_ringing(self, offer_id: OfferId) -> None:
        """Hang the agent's leg up; that there is none any more is no error."""
        answer = self._client.send_nowait("Hangup", {"Channel": offer_id, "Cause": "26"}, ACTION_TIMEOUT)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _answered(self, order: RingAgent, done: "asyncio.Future[AmiResponse]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is None:
            return
        log.warning("ring_refused", agent_id=order.agent_id, interaction_id=order.interaction_id, error=str(error))
        if isinstance(error, AmiActionFailed):
            self._failed(order.offer_id, OfferCause.UNREACHABLE)
        elif not isinstance(error, AmiError):
            self._failed(order.offer_id, OfferCause.BRIDGE_FAILED)
        # After a lost connection the outcome is unknown: the next reconciliation finds out.


def _caller_id(caller: CallerLine) -> str:
    name = "".join(sign for sign in caller.display_name if sign.isprintable() and sign not in '"<>\\')[:60]
    number = "".join(sign for sign in caller.display_number if sign.isprintable() and sign not in '"<>\\ ')[:60]
    return f'"{name or number or "anonymous"}" <{number}>'
