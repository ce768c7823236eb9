"""Chats and mails: several at once, beside the phone, taken on the screen."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.agents import CHAT, AgentConfig
from callcenter.domain.errors import Conflict, NotFound
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.queues import RoutingStep
from callcenter.domain.rules import InGroup
from tests.simulation.floor import (
    Floor,
    agent_config,
    ended_offers,
    names,
    need,
    queue_config,
    rings,
    seconds,
    shown,
    state_of,
    words_after_restart,
)


def chatter(name: str, chats: int = 2, *, voice_interrupts: bool = True) -> AgentConfig:
    return replace(agent_config(name), chats=chats, voice_interrupts=voice_interrupts)


def floor_with(*agents: AgentConfig, rona_limit: int = 1) -> Floor:
    floor = Floor()
    floor.rules(queue_config("web", rona_limit=rona_limit))
    for config in agents:
        floor.at_work(config)
        floor.wait(1)
    return floor


def offer_of(floor: Floor, chat: str) -> OfferId:
    (offer_id,) = floor.place(chat).offer_ids
    return offer_id


def accept(floor: Floor, chat: str) -> list[str]:
    return names(floor.tell(cmd.AcceptOffer(offer_id=offer_of(floor, chat))))


def chat(floor: Floor, name: str) -> list[tuple[str, str]]:
    return shown(floor.enqueue(name, "web", media_type=CHAT))


def held(floor: Floor, agent: str) -> list[str]:
    return sorted(floor.record(agent).works)


def test_a_chat_is_shown_on_the_screen_and_rings_no_phone() -> None:
    floor = floor_with(chatter("anna"))
    out = floor.enqueue("t1", "web", media_type=CHAT)
    assert (shown(out), rings(out)) == ([("anna", "t1")], [])
    assert floor.state("anna") == "ready"
    assert accept(floor, "t1") == ["OfferEnded", "InteractionConnected"]
    assert held(floor, "anna") == ["t1"]
    assert floor.waiting("web") == []


def test_an_agent_holds_as_many_as_he_may() -> None:
    floor = floor_with(chatter("anna", 2))
    assert chat(floor, "t1") == [("anna", "t1")]
    assert chat(floor, "t2") == [("anna", "t2")]
    assert chat(floor, "t3") == []
    accept(floor, "t1")
    assert floor.waiting("web") == ["t2", "t3"]
    assert shown(floor.tell(cmd.EndWork(interaction_id=InteractionId("t1")))) == [("anna", "t3")]


def test_who_holds_the_fewest_gets_the_next() -> None:
    floor = floor_with(chatter("anna", 3), chatter("bo", 3))
    assert [chat(floor, f"t{n}")[0][0] for n in range(4)] == ["anna", "bo", "anna", "bo"]


def test_who_holds_no_chats_is_not_asked() -> None:
    floor = floor_with(agent_config("anna"))
    assert chat(floor, "t1") == []
    assert rings(floor.enqueue("c1", "web")) == [("anna", "c1")]


def test_chats_ask_for_skills_as_calls_do() -> None:
    floor = floor_with(chatter("anna"))
    assert shown(floor.enqueue("t1", "web", need("zh"), media_type=CHAT)) == []
    floor.tell(cmd.ConfigureAgent(config=replace(chatter("bo"), skills=agent_config("x", {"zh": 1}).skills)))
    floor.log_in("bo")
    assert shown(floor.ready("bo")) == [("bo", "t1")]


def test_a_call_may_come_while_he_chats() -> None:
    floor = floor_with(chatter("anna"))
    chat(floor, "t1")
    accept(floor, "t1")
    assert rings(floor.enqueue("c1", "web")) == [("anna", "c1")]
    floor.answer("anna")
    assert held(floor, "anna") == ["t1"]
    assert chat(floor, "t2") == []


def test_a_call_waits_where_chats_are_not_to_be_interrupted() -> None:
    floor = floor_with(chatter("anna", voice_interrupts=False))
    chat(floor, "t1")
    accept(floor, "t1")
    assert rings(floor.enqueue("c1", "web")) == []
    assert rings(floor.tell(cmd.EndWork(interaction_id=InteractionId("t1")))) == [("anna", "c1")]


def test_who_does_not_take_it_is_not_ready_and_the_next_is_asked() -> None:
    floor = floor_with(chatter("anna"), chatter("bo"))
    chat(floor, "t1")
    out = floor.tell(cmd.RejectOffer(offer_id=offer_of(floor, "t1")))
    assert ended_offers(out) == [("anna", "rejected")]
    assert shown(out) == [("bo", "t1")]
    assert floor.state("anna") == "not_ready(rejected)"


def test_who_does_nothing_misses_it_after_the_ringing_time() -> None:
    floor = floor_with(chatter("anna"), chatter("bo"))
    chat(floor, "t1")
    assert shown(floor.wait(19.9)) == []
    out = floor.wait(0.1)
    assert ended_offers(out) == [("anna", "rona")]
    assert shown(out) == [("bo", "t1")]
    assert floor.state("anna") == "not_ready(rona)"


def test_a_miss_that_is_forgiven_lets_him_rest() -> None:
    floor = floor_with(chatter("anna"), rona_limit=2)
    chat(floor, "t1")
    assert shown(floor.wait(20)) == []
    assert floor.state("anna") == "ready"
    assert shown(floor.wait(5)) == [("anna", "t1")]


def test_rejecting_a_chat_while_the_phone_rings_leaves_the_call_ringing() -> None:
    floor = floor_with(chatter("anna"))
    chat(floor, "t1")
    floor.enqueue("c1", "web")
    assert floor.state("anna") == "offered"
    floor.tell(cmd.RejectOffer(offer_id=offer_of(floor, "t1")))
    assert (floor.state("anna"), floor.holds("anna")) == ("offered", "c1")
    floor.answer("anna")


def test_setting_oneself_not_ready_gives_back_what_was_offered_and_keeps_what_is_held() -> None:
    floor = floor_with(chatter("anna"))
    chat(floor, "t1")
    accept(floor, "t1")
    chat(floor, "t2")
    assert ended_offers(floor.not_ready("anna")) == [("anna", "withdrawn")]
    assert held(floor, "anna") == ["t1"]
    assert shown(floor.ready("anna")) == [("anna", "t2")]


def test_a_break_wished_for_in_a_talk_gives_back_what_was_offered_before_it() -> None:
    floor = floor_with(chatter("anna"))
    floor.rules(queue_config("web", wrap_up=5))
    chat(floor, "t1")
    floor.enqueue("c1", "web")
    floor.answer("anna")
    floor.not_ready("anna")
    floor.hang_up("anna")
    assert ended_offers(floor.wait(5)) == [("anna", "withdrawn")]
    assert floor.state("anna") == "not_ready(lunch)"
    assert floor.place("t1").offer_ids == ()


def test_missing_a_call_gives_back_the_chats_that_were_offered() -> None:
    floor = floor_with(chatter("anna"))
    floor.enqueue("c1", "web")
    floor.wait(10)
    floor.leave("c1")
    chat(floor, "t1")
    floor.enqueue("c2", "web")
    out = floor.tell(cmd.SetNotReady(agent_id=AgentId("anna"), reason="forced", by="sue"))
    assert sorted(ended_offers(out)) == [("anna", "withdrawn"), ("anna", "withdrawn")]


@pytest.mark.parametrize("state", ["ready", "not_ready", "wrap_up"])
def test_nobody_logs_out_while_he_holds_chats_but_a_supervisor_may_say_so(state: str) -> None:
    floor = floor_with(chatter("anna"))
    chat(floor, "t1")
    accept(floor, "t1")
    if state == "wrap_up":
        floor.enqueue("c1", "web")
        floor.answer("anna")
        floor.hang_up("anna")
    if state == "not_ready":
        floor.not_ready("anna")
    before = state_of(floor.engine)
    with pytest.raises(Conflict, match="holds 1 chats"):
        floor.log_out("anna")
    if state == "wrap_up":
        with pytest.raises(Conflict, match="holds 1 chats"):
            floor.tell(cmd.EndWrapUp(agent_id=AgentId("anna"), then=floor.record("anna").state.LOGGED_OUT))
    assert state_of(floor.engine) == before
    assert "TalkEnded" in names(floor.tell(cmd.LogOut(agent_id=AgentId("anna"), by="sue")))
    assert (floor.state("anna"), held(floor, "anna")) == ("logged_out", [])


def test_the_customer_who_leaves_frees_the_agent() -> None:
    floor = floor_with(chatter("anna", 1))
    chat(floor, "t1")
    accept(floor, "t1")
    chat(floor, "t2")
    assert shown(floor.leave("t1")) == [("anna", "t2")]
    assert names(floor.leave("t2")) == ["OfferEnded"]


def test_a_call_is_not_taken_on_the_screen() -> None:
    floor = floor_with(chatter("anna"))
    floor.enqueue("c1", "web")
    with pytest.raises(Conflict, match="taken with the phone"):
        floor.tell(cmd.AcceptOffer(offer_id=floor.offer_to("anna").offer_id))


def test_an_offer_that_is_over_cannot_be_taken() -> None:
    floor = floor_with(chatter("anna"))
    chat(floor, "t1")
    offer_id = offer_of(floor, "t1")
    accept(floor, "t1")
    with pytest.raises(NotFound, match="no open offer"):
        floor.tell(cmd.AcceptOffer(offer_id=offer_id))


def test_a_chat_picked_for_a_full_agent_is_his_next() -> None:
    floor = floor_with(chatter("anna", 1), chatter("bo", 1))
    chat(floor, "t1")
    accept(floor, "t1")
    chat(floor, "t2")
    accept(floor, "t2")
    chat(floor, "t3")
    chat(floor, "t4")
    floor.pick("t4", "anna")
    assert shown(floor.leave("t1")) == [("anna", "t4")]
    assert shown(floor.leave("t2")) == [("bo", "t3")]


def test_a_chat_picked_for_an_agent_keeps_no_calls_from_him() -> None:
    floor = floor_with(chatter("anna", 1))
    chat(floor, "t1")
    accept(floor, "t1")
    chat(floor, "t2")
    floor.pick("t2", "anna")
    assert rings(floor.enqueue("c1", "web")) == [("anna", "c1")]


def test_a_chat_cannot_be_picked_for_who_holds_none() -> None:
    floor = floor_with(agent_config("anna"))
    chat(floor, "t1")
    with pytest.raises(Conflict, match="holds no chats"):
        floor.pick("t1", "anna")


def test_chats_that_were_held_and_offered_come_back_after_a_restart() -> None:
    old = floor_with(chatter("anna", 2))
    chat(old, "t1")
    offer_id = offer_of(old, "t1")
    accept(old, "t1")
    chat(old, "t2")
    new = Floor(routing=False)
    new.now = old.now
    for word in words_after_restart(old.engine.picture):
        new.tell(word)
    new.enqueue("t1", "web", media_type=CHAT, admitted=True)
    new.talk(offer_id, "t1", "anna")
    new.tell(cmd.StartRouting())
    assert held(new, "anna") == ["t1"]
    assert new.place("t2").offer_ids == old.place("t2").offer_ids
    assert new.talk(offer_id, "t1", "anna") == []
    assert chat(new, "t3") == []


def test_an_offer_that_ends_at_the_moment_of_a_step_does_not_swallow_the_step() -> None:
    floor = Floor()
    first = RoutingStep(after=seconds(0), who=need("billing"))
    second = RoutingStep(after=seconds(20), who=InGroup(group="back"))
    floor.tell(cmd.ConfigureQueue(config=replace(queue_config("sales", ring_timeout=20), steps=(first, second))))
    floor.tell(cmd.ConfigureAgent(config=replace(agent_config("anna", {"billing": 1}), chats=1)))
    floor.log_in("anna")
    floor.ready("anna")
    floor.tell(
        cmd.Enqueue(
            interaction_id=InteractionId("t1"), queue_id=QueueId("sales"), entered_at=floor.now, media_type="chat"
        )
    )
    floor.wait(20)
    assert floor.engine.picture.waiting[InteractionId("t1")].step == 1
