"""Orders to the exchange over AMI: call an agent or a callback's customer into our own contexts, or stop calling him.

Law: the unique id of a leg that is ordered is made from the order (the offer's id; `customer_leg_id`), so that an order
that is repeated collides.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

import structlog

from callcenter.app.ports import CallerLine, CustomerLine, customer_leg_id
from callcenter.asterisk.ami import AmiClient
from callcenter.asterisk.ami_codec import AmiResponse, variable_field
from callcenter.asterisk.errors import AmiActionFailed, AmiError, AmiFieldError
from callcenter.domain.actions import CallCustomer, RingAgent
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.offers import OfferCause

log = structlog.get_logger(__name__)

AGENT_CONTEXT: Final = "cc-agent"
WAITING_AGENT_CONTEXT: Final = "cc-agent-waits"
CUSTOMER_CONTEXT: Final = "cc-callback"
CAUSE_ANSWERED_ELSEWHERE: Final = "26"
CAUSE_NORMAL: Final = "16"
ACTION_TIMEOUT: Final = timedelta(seconds=5)
_NUMBER_SIGNS: Final = frozenset("0123456789+*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLine:
    """The trunk over which numbers outside are called: agents', customers', those that callers are transferred to."""

    trunk: str | None = None


def dial_string(agent_id: AgentId, phone: Phone, outside: OutsideLine) -> str:
    """What Asterisk dials for an agent's phone; raises `InvalidValue` for one that cannot be dialled."""
    match phone.kind:
        case PhoneKind.SIP:
            return f"PJSIP/{agent_id}"
        case PhoneKind.BROWSER:
            return f"PJSIP/{agent_id}w"
        case PhoneKind.ADDRESS:
            return _dial_address(f"agent {agent_id}", phone.address or "")
        case PhoneKind.OUTSIDE:
            return _dial_digits(f"agent {agent_id}", phone.address or "", outside)


def dial_number(what: str, number: str, outside: OutsideLine) -> str:
    """What Asterisk dials for a number outside, or for a SIP address (`sip:user@host`); `what` names it in the error.

    Raises `InvalidValue`.
    """
    return _dial_address(what, number) if number.startswith("sip:") else _dial_digits(what, number, outside)


def _dial_address(what: str, address: str) -> str:
    bare = address.removeprefix("sip:")
    if not bare or any(sign.isspace() or sign in "/,;&|\"'<>$" for sign in bare):
        raise InvalidValue(
            f"{what}: {address!r} is no SIP address; one like user@host:5060 is wanted",
            code="invalid_phone_address",
        )
    return f"PJSIP/cc-out/sip:{bare}"


def _dial_digits(what: str, number: str, outside: OutsideLine) -> str:
    if outside.trunk is None:
        raise InvalidValue(
            f"{what} is to be called outside, but no trunk is marked for calls out in the settings",
            code="no_outside_line",
        )
    if not number or not set(number) <= _NUMBER_SIGNS:
        raise InvalidValue(f"{what}: {number!r} is no number to dial", code="invalid_phone_address")
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
    """The port `Telephony`; the `expect` functions hear of every leg that is ordered, the `failed` ones of orders that
    went wrong."""

    def __init__(
        self,
        client: AmiClient,
        outside: OutsideLine,
        *,
        expect: Callable[[OfferId, InteractionId, AgentId], None],
        failed: Callable[[OfferId, OfferCause], None],
        expect_customer: Callable[[InteractionId, int, OfferId | None], None],
        customer_failed: Callable[[InteractionId, int], None],
    ) -> None:
        self._client = client
        self._outside = outside
        self._expect = expect
        self._failed = failed
        self._expect_customer = expect_customer
        self._customer_failed = customer_failed

    def ring_agent(self, order: RingAgent, caller: CallerLine) -> None:
        """Originate the agent's leg into the context that bridges him with the caller, or lets him wait for him."""
        try:
            device = dial_string(order.agent_id, order.phone, self._outside)
            fields = {
                "Channel": device,
                "ChannelId": order.offer_id,
                "Context": WAITING_AGENT_CONTEXT if order.customer_absent else AGENT_CONTEXT,
                "Exten": "s",
                "Priority": "1",
                "Timeout": milliseconds(order.ring_timeout),
                "Async": "true",
                "CallerID": caller_id_of(caller.display_number, caller.display_name),
                "Variable": (
                    "CC_ROLE=agent",
                    f"CC_OFFER={order.offer_id}",
                    f"CC_ID={order.interaction_id}",
                    f"CC_AGENT={order.agent_id}",
                    "CC_ABSENT=1"
                    if order.customer_absent
                    else f"CC_CALLER={caller.channel_id or order.interaction_id}",
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
        self.hang_up(offer_id, CAUSE_ANSWERED_ELSEWHERE)

    def call_customer(self, order: CallCustomer, line: CustomerLine) -> None:
        """Originate the customer's leg into the context that bridges him with the agent, or gives him his place."""
        leg_id = customer_leg_id(order.interaction_id, order.attempt)
        try:
            fields = {
                "Channel": dial_number(f"the customer of {order.interaction_id}", order.number, self._outside),
                "ChannelId": leg_id,
                "Context": CUSTOMER_CONTEXT,
                "Exten": "s",
                "Priority": "1",
                "Timeout": milliseconds(order.ring_timeout),
                "Async": "true",
                "CallerID": caller_id_of(line.display_number, line.display_name),
                "Variable": _customer_variables(order, line),
            }
            self._expect_customer(order.interaction_id, order.attempt, order.offer_id)
            answer = self._client.send_nowait("Originate", fields, ACTION_TIMEOUT, action_id=leg_id)
        except (AmiFieldError, InvalidValue) as error:
            log.warning("customer_not_called", interaction_id=order.interaction_id, code=error.code, error=str(error))
            self._customer_failed(order.interaction_id, order.attempt)
            return
        answer.add_done_callback(lambda done: self._customer_answered(order, done))

    def stop_calling(self, interaction_id: InteractionId, attempt: int) -> None:
        """Hang the customer's leg up; that there is none any more is no error."""
        self.hang_up(customer_leg_id(interaction_id, attempt))

    def hang_up(self, leg_id: str, cause: str = CAUSE_NORMAL) -> None:
        """Hang up a leg of ours by its unique id."""
        answer = self._client.send_nowait("Hangup", {"Channel": leg_id, "Cause": cause}, ACTION_TIMEOUT)
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

    def _customer_answered(self, order: CallCustomer, done: "asyncio.Future[AmiResponse]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is None:
            return
        log.warning("call_refused", interaction_id=order.interaction_id, attempt=order.attempt, error=str(error))
        if isinstance(error, AmiActionFailed) or not isinstance(error, AmiError):
            self._customer_failed(order.interaction_id, order.attempt)


def _customer_variables(order: CallCustomer, line: CustomerLine) -> tuple[str, ...]:
    carried = {
        "CC_ROLE": "caller",
        "CC_ID": order.interaction_id,
        "CC_ATTEMPT": str(order.attempt),
        "CC_OFFER": order.offer_id or "",
        "CC_STATE": line.state.encode(),
        "CC_QUEUE": order.queue_id,
        "CC_LANGUAGE": line.state.language,
        "CC_PLAY": "&".join(line.play),
        "CC_MUSIC": line.music_class,
        "CC_ANI": _encoded(order.number),
        "CC_NAME": _encoded(line.caller_name),
        "CC_DNIS": _encoded(line.dnis),
    }
    return tuple(variable_field(name, value) for name, value in carried.items() if value)


def _encoded(text: str) -> str:
    """As the dialplan encodes what a trunk says; nothing of it ends an argument of the question."""
    return quote(text[:80], safe="")


def milliseconds(duration: timedelta) -> str:
    """As Originate wants a time limit."""
    return str(duration // timedelta(milliseconds=1))


def caller_id_of(display_number: str, display_name: str) -> str:
    """What the called phone shows; what could end the field is left out."""
    name = "".join(sign for sign in display_name if sign.isprintable() and sign not in '"<>\\')[:60]
    number = "".join(sign for sign in display_number if sign.isprintable() and sign not in '"<>\\ ')[:60]
    return f'"{name or number or "anonymous"}" <{number}>'
