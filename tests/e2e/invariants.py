"""The one checker of the invariants I1-I4, over the database and the phones' SIP messages after everything is over.

I1 conservation: calls accepted = terminal records, exactly one each, none open.
I2 no caller is cut off except by himself, his agent, or a rule.
I3 within one queue and priority, callers are first offered in the order they came.
I4 an agent holds one interaction at a time, an interaction has one agent at a time.
"""

import itertools
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from tests.e2e.phones import AgentPhone, CallEnd

HANDED_OVER_WITHIN = timedelta(milliseconds=50)
"""Two records of one agent may touch by this much: the next talk is reported while the last is being closed."""
PHONE_OVERLAP_SECONDS = 0.25
"""Asterisk ends a phone's call and rings it for the next from two threads: on a busy machine the BYE may come after the
INVITE. Two calls assigned to one agent overlap by seconds."""
RULED_OUTCOMES = frozenset({"closed", "ended_in_menu", "failed", "callback_taken", "message_left", "transferred_out"})
CALLS, CALLBACKS = "cc1-%", "cb-%"
"""Ids of calls that came in, and of callbacks, which are interactions of their own."""


@dataclass(frozen=True, slots=True)
class Talk:
    """One agent and one interaction sharing a bridge."""

    interaction_id: str
    agent_id: str
    since: datetime
    until: datetime | None


class PlacedCall(Protocol):
    """A caller's call, whatever he called with."""

    @property
    def answered_at(self) -> float | None:
        """When it was accepted, None before; monotonic seconds."""
        ...

    @property
    def end(self) -> CallEnd | None:
        """Who ended it, None while it goes on."""
        ...


class Invariants:
    """Reads the database as it stands; the server may be running."""

    def __init__(self, database: Path, callers: Sequence[PlacedCall], phones: Sequence[AgentPhone]) -> None:
        self._database = database
        self._callers = callers
        self._phones = phones

    # ---- what is in the database

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """The rows of one query."""
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def interactions(self) -> list[dict[str, Any]]:
        """Every record of a call that came in, oldest first; the demo's own history left out."""
        return self.rows(
            "SELECT * FROM interactions WHERE interaction_id LIKE 'cc1-%' ORDER BY started_at, interaction_id"
        )

    def callbacks(self) -> list[dict[str, Any]]:
        """Every record of a callback, oldest first."""
        return self.rows(
            "SELECT * FROM interactions WHERE interaction_id LIKE 'cb-%' ORDER BY started_at, interaction_id"
        )

    def open_interactions(self) -> list[str]:
        """Ids of records without an end."""
        return [row["interaction_id"] for row in self.interactions() + self.callbacks() if row["ended_at"] is None]

    def events(self, *names: str, of: str = CALLS) -> list[dict[str, Any]]:
        """Events in the order of the journal, their data decoded."""
        rows = self.rows("SELECT * FROM events WHERE interaction_id LIKE ? ORDER BY event_id", of)
        return [{**row, "data": json.loads(row["data"])} for row in rows if not names or row["name"] in names]

    def outcomes(self) -> Counter[str]:
        """How many records ended how."""
        return Counter(row["outcome"] for row in self.interactions())

    def accepted(self) -> int:
        """How many calls Asterisk has answered, as the callers saw it."""
        return sum(1 for caller in self._callers if caller.answered_at is not None)

    # ---- the invariants

    def check(self) -> None:
        """Hold everything to I1-I4; AssertionError names the first that is broken."""
        self.check_conservation()
        self.check_nobody_cut_off()
        self.check_order()
        self.check_one_to_one()

    def check_conservation(self) -> None:
        """I1."""
        records = self.interactions()
        assert not self.open_interactions(), f"I1: still open: {self.open_interactions()}"
        assert len(records) == self.accepted(), (
            f"I1: {self.accepted()} calls were accepted, {len(records)} records exist"
        )
        ends = Counter(event["interaction_id"] for event in self.events("InteractionEnded"))
        for record in records:
            assert record["outcome"], f"I1: {record['interaction_id']} has no outcome"
            assert ends[record["interaction_id"]] == 1, f"I1: {record['interaction_id']} ended {dict(ends)} times"
        assert len(ends) == len(records), "I1: something ended that has no record"
        callbacks = {record["interaction_id"]: 1 for record in self.callbacks()}
        ended = Counter(event["interaction_id"] for event in self.events("InteractionEnded", of=CALLBACKS))
        assert dict(ended) == callbacks, f"I1: callbacks that did not end once: {ended} of {list(callbacks)}"

    def check_nobody_cut_off(self) -> None:
        """I2: whoever did not hang up himself had talked with an agent, or a rule ended the call."""
        cut = [c for c in self._callers if c.answered_at is not None and c.end is not None and c.end.by == "server"]
        explained = [r for r in self.interactions() if r["outcome"] == "answered" or r["outcome"] in RULED_OUTCOMES]
        assert len(cut) <= len(explained), (
            f"I2: {len(cut)} callers were hung up on, {len(explained)} records explain it"
        )

    def check_order(self) -> None:
        """I3: by queue and priority, first offers follow the order of entry."""
        entered: dict[str, tuple[str, int, datetime]] = {}
        first_offers: dict[tuple[str, int], list[tuple[datetime, str]]] = defaultdict(list)
        waiting: dict[str, datetime] = {}
        moved = ("InteractionEscalated", "PriorityChanged", "InteractionReserved")
        went = ("InteractionOverflowed", "InteractionEnded")
        sent_on = ("InteractionTransferred", "TransferEnded")
        for event in self.events("InteractionQueued", "OfferMade", *went, *moved, *sent_on):
            interaction_id, data = event["interaction_id"], event["data"]
            if event["name"] in ("InteractionOverflowed", *sent_on) or (
                event["name"] == "InteractionQueued" and data["by"] and interaction_id in waiting
            ):
                # He has left that queue, and may come to another one.
                waiting.pop(interaction_id, None)
                entered.pop(interaction_id, None)
            if event["name"] == "InteractionReserved":
                # He waits for one agent, and has no place among the others.
                waiting.pop(interaction_id, None)
            elif event["name"] in moved and interaction_id in waiting:
                queue, _, moment = entered[interaction_id]
                entered[interaction_id] = (queue, data["priority"], moment)
            elif event["name"] == "InteractionQueued" and interaction_id not in entered:
                moment = datetime.fromisoformat(data["entered_at"])
                entered[interaction_id] = (data["queue_id"], data["priority"], moment)
                waiting[interaction_id] = moment
            elif event["name"] == "OfferMade" and interaction_id in waiting:
                queue, priority, moment = entered[interaction_id]
                older = [
                    other
                    for other, since in waiting.items()
                    if entered[other][:2] == (queue, priority) and since < moment and other != interaction_id
                ]
                assert not older, f"I3: {interaction_id} was offered before {older}, who came earlier to {queue}"
                first_offers[queue, priority].append((moment, interaction_id))
                del waiting[interaction_id]
            elif event["name"] == "InteractionEnded":
                waiting.pop(interaction_id, None)

    def talks(self) -> list[Talk]:
        """Every talk in the journal."""
        talks: dict[str, Talk] = {}
        names = ("InteractionConnected", "TalkEnded")
        for event in sorted(self.events(*names) + self.events(*names, of=CALLBACKS), key=lambda e: e["event_id"]):
            data, at = event["data"], datetime.fromisoformat(event["data"]["at"])
            offer_id = data["offer_id"]
            if event["name"] == "InteractionConnected":
                talks.setdefault(offer_id, Talk(data["interaction_id"], data["agent_id"], at, None))
            elif offer_id in talks:
                begun = talks[offer_id]
                talks[offer_id] = Talk(begun.interaction_id, begun.agent_id, begun.since, at)
        return list(talks.values())

    def check_one_to_one(self) -> None:
        """I4: talks of one agent, and of one interaction, do not overlap; nor do calls alive on one phone."""
        talks = self.talks()
        for name in ("agent_id", "interaction_id"):
            held: dict[str, list[Talk]] = defaultdict(list)
            for talk in talks:
                held[getattr(talk, name)].append(talk)
            for holder, of_holder in held.items():
                ordered = sorted(of_holder, key=lambda talk: talk.since)
                for earlier, later in itertools.pairwise(ordered):
                    assert earlier.until is not None, f"I4: {name} {holder}: a second talk while one has no end"
                    overlap = earlier.until - later.since
                    assert overlap <= HANDED_OVER_WITHIN, f"I4: {name} {holder}: talks overlap by {overlap}"
        for phone in self._phones:
            answered = sorted(
                (c.answered_at, c.end) for c in phone.calls if c.answered_at is not None and c.end is not None
            )
            for (_, end), (next_answer, _) in itertools.pairwise(answered):
                both_for = end.at - next_answer
                assert both_for <= PHONE_OVERLAP_SECONDS, (
                    f"I4: {phone.name} answered a second call {both_for:.3f} s before the first ended"
                )
