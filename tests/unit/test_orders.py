"""Orders to Asterisk: what is dialled for which phone, what is said of the caller, and what a refusal leads to."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from callcenter.app.call_state import CallStage, CallState
from callcenter.app.ports import CallerLine, CustomerLine
from callcenter.asterisk.ami import AmiClient, Fields
from callcenter.asterisk.ami_codec import AmiResponse, encode_action
from callcenter.asterisk.errors import AmiActionFailed, AmiDisconnected, AmiTimeout
from callcenter.asterisk.orders import AmiTelephony, OutsideLine, device_of, dial_number, dial_string
from callcenter.domain.actions import CallCustomer, RingAgent
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.offers import OfferCause

AGENT, CALL, OFFER = AgentId("1001"), InteractionId("cc1-17.1"), OfferId("cc1-17.1-1001-5")
CALLBACK = InteractionId("cb-cc1-17.1")
LINE = OutsideLine(trunk="provider")


class FakeAmi(AmiClient):
    """Takes what the real encoder takes, and answers when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, str | Sequence[str]], str | None]] = []
        self.answers: list[asyncio.Future[AmiResponse]] = []

    def send_nowait(
        self, action: str, fields: Fields, timeout: timedelta, *, action_id: str | None = None
    ) -> asyncio.Future[AmiResponse]:
        encode_action(action, action_id or "x", fields)
        self.sent.append((action, fields, action_id))
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


class Orders:
    """The port over the fake, and what it tells of."""

    def __init__(self, outside: OutsideLine = LINE) -> None:
        self.ami = FakeAmi()
        self.expected: list[tuple[OfferId, InteractionId, AgentId]] = []
        self.failed: list[tuple[OfferId, OfferCause]] = []
        self.expected_customers: list[tuple[InteractionId, int, OfferId | None]] = []
        self.failed_customers: list[tuple[InteractionId, int]] = []
        self.telephony = AmiTelephony(
            self.ami,
            outside,
            expect=lambda *leg: self.expected.append(leg),
            failed=lambda *offer: self.failed.append(offer),
            expect_customer=lambda *leg: self.expected_customers.append(leg),
            customer_failed=lambda *call: self.failed_customers.append(call),
        )

    def ring(
        self,
        phone: Phone = Phone(),  # noqa: B008
        *,
        name: str = "Wang",
        number: str = "+8613800138000",
        channel_id: str | None = None,
        customer_absent: bool = False,
    ) -> None:
        order = RingAgent(
            offer_id=OFFER,
            interaction_id=CALL,
            agent_id=AGENT,
            phone=phone,
            ring_timeout=timedelta(seconds=20.5),
            customer_absent=customer_absent,
        )
        line = CallerLine(channel="PJSIP/trunk-1", display_number=number, display_name=name, channel_id=channel_id)
        self.telephony.ring_agent(order, line)

    def call(self, number: str = "+8613800138000", *, offer_id: OfferId | None = None, name: str = "") -> None:
        order = CallCustomer(
            interaction_id=CALLBACK,
            queue_id=QueueId("sales"),
            number=number,
            attempt=2,
            ring_timeout=timedelta(seconds=30),
            offer_id=offer_id,
        )
        line = CustomerLine(
            display_number="4000",
            display_name="House",
            state=CallState(stage=CallStage.QUEUE, queue_id=QueueId("sales"), language="zh"),
            play=("/sounds/a", "/sounds/b"),
            caller_name=name,
            dnis="4000",
        )
        self.telephony.call_customer(order, line)

    @property
    def variables(self) -> set[str]:
        return set(self.ami.sent[-1][1]["Variable"])

    @property
    def caller_id(self) -> object:
        return self.ami.sent[-1][1]["CallerID"]


@pytest.mark.parametrize(
    ("phone", "dialled", "device"),
    [
        (Phone(), "PJSIP/1001", "PJSIP/1001"),
        (Phone(kind=PhoneKind.BROWSER), "PJSIP/1001w", "PJSIP/1001w"),
        (
            Phone(kind=PhoneKind.ADDRESS, address="sip:desk@192.0.2.7:5070"),
            "PJSIP/cc-out/sip:desk@192.0.2.7:5070",
            None,
        ),
        (Phone(kind=PhoneKind.ADDRESS, address="desk@192.0.2.7"), "PJSIP/cc-out/sip:desk@192.0.2.7", None),
        (Phone(kind=PhoneKind.OUTSIDE, address="+442079460000"), "PJSIP/+442079460000@provider", None),
    ],
)
def test_each_kind_of_phone_is_dialled_and_watched_in_its_own_way(phone: Phone, dialled: str, device: str) -> None:
    assert dial_string(AGENT, phone, LINE) == dialled
    assert device_of(AGENT, phone) == device


@pytest.mark.parametrize(
    "phone",
    [
        *(
            Phone(kind=PhoneKind.ADDRESS, address=address)
            for address in (None, "", "sip:", "a b", "a,b", "a&PJSIP/trunk/5", "a/b", "a|b", "${X}", 'a"b', "a\nb")
        ),
        *(
            Phone(kind=PhoneKind.OUTSIDE, address=address)
            for address in (None, "", "12 34", "1@trunk", "1&2", "1,2", "abc", "1\n", "１２３")
        ),
    ],
)
def test_what_could_be_read_as_something_else_is_not_dialled(phone: Phone) -> None:
    with pytest.raises(InvalidValue, match="1001"):
        dial_string(AGENT, phone, LINE)


def test_an_outside_number_needs_a_trunk_for_calls_out() -> None:
    with pytest.raises(InvalidValue) as refused:
        dial_string(AGENT, Phone(kind=PhoneKind.OUTSIDE, address="123"), OutsideLine())
    assert refused.value.code == "no_outside_line"


async def test_the_order_goes_into_our_own_context_under_the_offer_s_id() -> None:
    orders = Orders()
    orders.ring()
    ((action, fields, action_id),) = orders.ami.sent
    assert (action, action_id) == ("Originate", OFFER)
    assert (fields["ChannelId"], fields["Context"], fields["Async"]) == (OFFER, "cc-agent", "true")
    assert fields["Timeout"] == "20500"
    assert set(fields["Variable"]) == {
        "CC_ROLE=agent",
        f"CC_OFFER={OFFER}",
        f"CC_ID={CALL}",
        "CC_AGENT=1001",
        f"CC_CALLER={CALL}",
    }
    assert "Application" not in fields
    assert orders.expected == [(OFFER, CALL, AGENT)]


@pytest.mark.parametrize(
    ("name", "number", "shown"),
    [
        ("Wang", "+8613800138000", '"Wang" <+8613800138000>'),
        ("", "+8613800138000", '"+8613800138000" <+8613800138000>'),
        ("", "", '"anonymous" <>'),
        ("王小明", "1", '"王小明" <1>'),
        ('Evil" <900>\r\nAction: Logoff', "1>\r\n2", '"Evil 900Action: Logoff" <12>'),
        ("x" * 200, "9" * 200, f'"{"x" * 60}" <{"9" * 60}>'),
    ],
)
async def test_what_is_said_of_the_caller_is_one_harmless_line(name: str, number: str, shown: str) -> None:
    orders = Orders()
    orders.ring(name=name, number=number)
    assert orders.caller_id == shown


async def test_a_phone_that_cannot_be_dialled_fails_its_offer_at_once() -> None:
    orders = Orders(OutsideLine())
    orders.ring(Phone(kind=PhoneKind.OUTSIDE, address="123"))
    assert orders.ami.sent == []
    assert orders.failed == [(OFFER, OfferCause.UNREACHABLE)]


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (AmiActionFailed("Originate", "Extension does not exist."), [(OFFER, OfferCause.UNREACHABLE)]),
        (AmiDisconnected("the connection went"), []),
        (AmiTimeout("no answer"), []),
        (RuntimeError("a defect"), [(OFFER, OfferCause.BRIDGE_FAILED)]),
    ],
)
async def test_only_a_refusal_fails_the_offer_for_otherwise_the_phone_may_ring(
    error: Exception, failed: list[tuple[OfferId, OfferCause]]
) -> None:
    orders = Orders()
    orders.ring()
    orders.ami.answers[0].set_exception(error)
    await asyncio.sleep(0)
    assert orders.failed == failed


async def test_an_order_that_was_taken_or_dropped_at_the_end_fails_nothing() -> None:
    orders = Orders()
    orders.ring()
    orders.ring()
    orders.ami.answers[0].set_result(AmiResponse((("Response", "Success"),)))
    orders.ami.answers[1].cancel()
    await asyncio.sleep(0)
    assert orders.failed == []


async def test_to_stop_ringing_is_a_hang_up_after_which_no_phone_shows_a_missed_call() -> None:
    orders = Orders()
    orders.telephony.stop_ringing(OFFER)
    ((action, fields, _),) = orders.ami.sent
    assert (action, fields) == ("Hangup", {"Channel": OFFER, "Cause": "26"})
    orders.ami.answers[0].set_exception(AmiActionFailed("Hangup", "No such channel"))
    await asyncio.sleep(0)
    assert orders.failed == []


# ---- callbacks


async def test_of_a_callback_the_agent_s_order_names_the_customer_s_channel() -> None:
    orders = Orders()
    orders.ring(channel_id="cb-cc1-17.1-2.")
    assert "CC_CALLER=cb-cc1-17.1-2." in orders.variables
    assert orders.ami.sent[-1][1]["Context"] == "cc-agent"


async def test_an_agent_whose_customer_is_absent_goes_where_he_can_wait() -> None:
    orders = Orders()
    orders.ring(customer_absent=True)
    assert orders.ami.sent[-1][1]["Context"] == "cc-agent-waits"
    assert "CC_ABSENT=1" in orders.variables
    assert not any(variable.startswith("CC_CALLER=") for variable in orders.variables)


async def test_the_customer_s_order_has_the_attempt_in_its_id_and_carries_his_place() -> None:
    orders = Orders()
    orders.call(name="王, 小明")
    ((action, fields, action_id),) = orders.ami.sent
    assert (action, action_id, fields["ChannelId"]) == ("Originate", "cb-cc1-17.1-2.", "cb-cc1-17.1-2.")
    assert (fields["Channel"], fields["Context"]) == ("PJSIP/+8613800138000@provider", "cc-callback")
    assert (fields["CallerID"], fields["Timeout"]) == ('"House" <4000>', "30000")
    assert orders.variables == {
        "CC_ROLE=caller",
        f"CC_ID={CALLBACK}",
        "CC_ATTEMPT=2",
        "CC_STATE=stage=queue&lang=zh&queue=sales",
        "CC_QUEUE=sales",
        "CC_LANGUAGE=zh",
        "CC_PLAY=/sounds/a&/sounds/b",
        "CC_MUSIC=default",
        "CC_ANI=%2B8613800138000",
        "CC_NAME=%E7%8E%8B%2C%20%E5%B0%8F%E6%98%8E",
        "CC_DNIS=4000",
    }
    assert orders.expected_customers == [(CALLBACK, 2, None)]
    orders.call(offer_id=OFFER)
    assert f"CC_OFFER={OFFER}" in orders.variables
    assert orders.expected_customers[1:] == [(CALLBACK, 2, OFFER)]


@pytest.mark.parametrize("number", ["", "12&3", "1,2", "sip:", "sip:a/b", "sip:a&PJSIP/x", "PJSIP/1001"])
async def test_a_customer_whose_number_cannot_be_dialled_has_failed_at_once(number: str) -> None:
    orders = Orders()
    orders.call(number)
    assert orders.ami.sent == []
    assert orders.failed_customers == [(CALLBACK, 2)]


def test_a_number_may_be_a_sip_address() -> None:
    assert dial_number("it", "sip:desk@192.0.2.7:5070", OutsideLine()) == "PJSIP/cc-out/sip:desk@192.0.2.7:5070"
    assert dial_number("it", "+4420", LINE) == "PJSIP/+4420@provider"


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (AmiActionFailed("Originate", "Permission denied"), [(CALLBACK, 2)]),
        (AmiDisconnected("the connection went"), []),
        (RuntimeError("a defect"), [(CALLBACK, 2)]),
    ],
)
async def test_only_a_refusal_fails_the_attempt_for_otherwise_the_phone_may_ring(
    error: Exception, failed: list[tuple[InteractionId, int]]
) -> None:
    orders = Orders()
    orders.call()
    orders.ami.answers[0].set_exception(error)
    await asyncio.sleep(0)
    assert orders.failed_customers == failed


async def test_to_stop_calling_is_a_plain_hang_up() -> None:
    orders = Orders()
    orders.telephony.stop_calling(CALLBACK, 2)
    ((action, fields, _),) = orders.ami.sent
    assert (action, fields) == ("Hangup", {"Channel": "cb-cc1-17.1-2.", "Cause": "16"})
