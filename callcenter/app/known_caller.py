"""What is known of a caller, as his flow and the routing want it."""

from callcenter.app.caller import Question
from callcenter.app.lookups import card_values
from callcenter.app.ports import CustomerCard
from callcenter.domain.callers import CallerTraits
from callcenter.domain.interactions import Given
from callcenter.ivr.carried import carried
from callcenter.ivr.variables import Value

COMPLAINT = "complaint"
"""The kind of case that counts as a complaint."""


def variables_of(question: Question, cards: tuple[CustomerCard, ...], given: Given | None = None) -> dict[str, Value]:
    """What a flow knows of its caller at the beginning; with `given`, what it knew when it was interrupted as well."""
    only = cards[0] if len(cards) == 1 else None
    return {
        "ani": question.ani.e164 or "",
        "dnis": question.dnis,
        **(card_values(only, verified=False) if only is not None else {}),
        **(carried(given.values) if given is not None else {}),
    }


def traits_of(cards: tuple[CustomerCard, ...], language: str) -> CallerTraits:
    """What is known of a caller for routing; of a number that several customers share nothing is."""
    if len(cards) != 1:
        return CallerTraits(language=language)
    card = cards[0]
    served_by = (seen.agent_id for seen in card.last_interactions if seen.agent_id is not None)
    return CallerTraits(
        customer_class=card.value_class,
        open_complaint=any(case.kind == COMPLAINT for case in card.open_cases),
        language=language,
        last_agent_id=next(served_by, None),
        account_manager_id=card.customer.account_manager_id,
        segments=card.segments,
    )


def language_of(cards: tuple[CustomerCard, ...]) -> str | None:
    """The language of everyone who has the number; None where they differ, or nobody's is known."""
    languages = {card.customer.language for card in cards}
    return languages.pop() if len(languages) == 1 else None
