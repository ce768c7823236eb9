"""What the use cases want of the customer store beyond the card: search, duplicates, merges, history, notes, lists."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from callcenter.crm.custom_fields import CustomField
from callcenter.domain.cases import CaseOutcome
from callcenter.domain.customers import Customer, CustomerKind
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, MergeId, NoteId, QueueId

# ---- search


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilters:
    """What found customers must be besides; None asks nothing."""

    kind: CustomerKind | None = None
    segment: str | None = None
    language: str | None = None
    account_manager_id: AgentId | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """Some customers; `next_after` asks for those after them, None at the end. A page may be short and not the last."""

    items: tuple[Customer, ...]
    next_after: str | None


class CustomerSearch(Protocol):
    """Finding customers by a part of what they are called or reached by."""

    async def search(
        self, text: str, filters: CustomerFilters, *, limit: int, after: str | None, guesses_numbers: bool = True
    ) -> CustomerPage:
        """Those with a name, number or address of which `text` is a part; with an empty text all, by their ids.

        Without `guesses_numbers` a number is found whole or not at all: whoever may not see it could else find it out
        digit by digit.
        Raises `InvalidValue` for a text without letters and digits, and for an `after` that no page gave.
        """
        ...

    async def duplicates(self, customer_id: CustomerId, *, limit: int) -> tuple["Duplicate", ...]:
        """Who may be the same as this one and was not told apart, the likeliest first; `NotFound`."""
        ...

    async def shared_points(self, *, limit: int, after: str | None) -> "SharedPage":
        """Numbers and addresses that several customers have who are not all told apart, in their order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A customer who may be another one, and why: `shared` contact points, and how alike the names are."""

    customer: Customer
    score: float
    shared: tuple[str, ...]
    name_likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldApart:
    """`other` looks like the customer and is somebody else, as was said; such a pair is proposed no more."""

    other: Customer
    at: datetime
    by: str


class TellingApart(Protocol):
    """Saying that two customers are no duplicates, and taking that back."""

    async def tell_apart(self, customer_id: CustomerId, other_id: CustomerId, *, at: datetime, by: str) -> bool:
        """They are two; False where that was known. `NotFound`, `InvalidValue` (`same_customer`, `kinds_differ`)."""
        ...

    async def take_back(self, customer_id: CustomerId, other_id: CustomerId, *, at: datetime, by: str) -> None:
        """They may be one after all; `NotFound` (`not_told_apart`)."""
        ...

    async def told_apart(self, customer_id: CustomerId) -> tuple[ToldApart, ...]:
        """Whom he was told apart from, the latest first; `NotFound`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPoint:
    """A number or address of several customers."""

    value: str
    customer_ids: tuple[CustomerId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPage:
    """Some of them; `next_after` asks for those after them."""

    items: tuple[SharedPoint, ...]
    next_after: str | None


# ---- merges


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """`merged_id` was found to be `survivor_id`; `interactions` are those that changed hands by what was just done."""

    merge_id: MergeId
    survivor_id: CustomerId
    merged_id: CustomerId
    at: datetime
    by: str
    undone_at: datetime | None = None
    undone_by: str | None = None
    interactions: tuple[InteractionId, ...] = ()


class Merging(Protocol):
    """Making two customers one, and taking that back."""

    async def merge(
        self,
        survivor_id: CustomerId,
        merged_id: CustomerId,
        *,
        merge_id: MergeId,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Merge:
        """Give the survivor all that refers to the other.

        Raises `NotFound`, `Outdated`, `Conflict` (`customer_merged`, `told_apart`).
        """
        ...

    async def undo(self, merge_id: MergeId, *, at: datetime, by: str) -> Merge:
        """Make both what they were, keeping what was changed since; `Conflict` (`merge_undone`, `later_merge`)."""
        ...

    async def merges(self, customer_id: CustomerId) -> tuple[Merge, ...]:
        """What this customer was merged of or into, the newest first."""
        ...


# ---- history, notes, members, timeline, custom fields


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field before and after."""

    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changed what.

    `entity` is `customer`, `case`, `task`, `membership`, `customer_number`, `order`, `opportunity`.
    """

    change_id: int
    customer_id: CustomerId
    at: datetime
    by: str
    entity: str
    entity_id: str
    action: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody wrote about a customer; a note is never changed, a mistake is told by another."""

    note_id: NoteId
    customer_id: CustomerId
    at: datetime
    by: str
    text: str
    interaction_id: InteractionId | None = None
    case_id: CaseId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The other end of a membership."""

    customer_id: CustomerId
    kind: CustomerKind
    name: str
    role: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Memberships:
    """Whom a customer belongs to, and who belongs to him."""

    organisations: tuple[Member, ...]
    members: tuple[Member, ...]


class TimelineKind(StrEnum):
    """What an entry of the timeline is."""

    INTERACTION = "interaction"
    NOTE = "note"
    CASE = "case"
    TASK = "task"
    CHANGE = "change"
    # Last, for a page's place names the kinds by their order.
    ORDER = "order"
    OPPORTUNITY = "opportunity"
    SURVEY = "survey"
    """He was asked after a talk; `data` has what he answered."""
    BEST_OFFER = "best_offer"
    """Something was proposed to him; `data` has what and his answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntry:
    """One thing that happened with a customer; `data` is by the kind (docs/api.md)."""

    at: datetime
    kind: TimelineKind
    entry_id: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPage:
    """Some entries, the newest first; `next_before` asks for those before them, None at the end."""

    items: tuple[StoryEntry, ...]
    next_before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSurvey:
    """What he answered the last time, by question; `at` is when he gave the last of the answers."""

    interaction_id: InteractionId
    at: datetime
    queue_id: QueueId | None
    agent_id: AgentId | None
    scores: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastComplaint:
    """His last complaint: what, when, what was done, and what became of him; `settled_at` None: it is open."""

    case_id: CaseId
    subject: str
    state: str
    opened_at: datetime
    settled_at: datetime | None
    reason: str | None
    remedy: str | None
    outcome: CaseOutcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """How it went with a customer the last time; None: there was none."""

    survey: LastSurvey | None
    complaint: LastComplaint | None


class CustomerBook(Protocol):
    """What is kept about a customer besides himself; every method raises `NotFound` for one who is not there."""

    async def names_of(self, customers: Collection[CustomerId]) -> Mapping[CustomerId, str]:
        """What these are called; who is not there is left out."""
        ...

    async def memberships(self, customer_id: CustomerId) -> Memberships:
        """Whom he belongs to and who belongs to him."""
        ...

    async def put_member(
        self, organisation_id: CustomerId, member_id: CustomerId, role: str, *, at: datetime, by: str
    ) -> None:
        """Make one a member of the other, or change his role; `InvalidValue` when the one is no organisation."""
        ...

    async def remove_member(self, organisation_id: CustomerId, member_id: CustomerId, *, at: datetime, by: str) -> None:
        """End a membership; `NotFound` when there is none."""
        ...

    async def add_note(self, note: Note) -> Note:
        """Keep a note; `Conflict` for a case of somebody else."""
        ...

    async def changes(self, customer_id: CustomerId, *, limit: int, before: int | None) -> tuple[Change, ...]:
        """The history of changes, the newest first, those before the change of this number."""
        ...

    async def timeline(
        self, customer_id: CustomerId, *, kinds: Sequence[TimelineKind], limit: int, before: str | None
    ) -> StoryPage:
        """Everything in one stream, the newest first; of these kinds, of all where none is named."""
        ...

    async def experience(self, customer_id: CustomerId) -> Experience:
        """His last survey and his last complaint."""
        ...

    async def custom_fields(self) -> tuple[CustomField, ...]:
        """The business's own fields, in its order, retired ones too."""
        ...

    async def put_custom_field(self, definition: CustomField, *, at: datetime, by: str) -> CustomField:
        """Make or change a field; `Conflict` (`custom_kind_fixed`) when it would hold something else than before."""
        ...
