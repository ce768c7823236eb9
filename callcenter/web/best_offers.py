"""Next best offers in a talk: what fits the customer and why, and what he answered."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from callcenter.app.best_offers import AnsweredOffer, ProposedOffers
from callcenter.app.permissions import Action, Grant
from callcenter.domain.best_offers import OfferAnswer
from callcenter.domain.ids import CustomerId, InteractionId
from callcenter.domain.interactions import Interaction
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps, WebDependencies
from callcenter.web.documents import document, no_content
from callcenter.web.interactions import check_own, find_interaction
from callcenter.web.routing import api_router
from callcenter.web.text import Body, PathId, QueryId

router = api_router()

Annotator = Annotated[Principal, Depends(Require(Action.ANNOTATE_INTERACTION))]


class AnswerBody(Body):
    """What the customer said."""

    answer: OfferAnswer


@router.get(
    "/customers/{customer_id}/best-offers",
    response_model=ProposedOffers,
    dependencies=[Depends(Require(Action.READ_CUSTOMER))],
)
async def read_best_offers(customer_id: PathId, deps: Deps, interaction_id: QueryId = None) -> Response:
    """What to propose to a customer now, with the reason; with an interaction also what he answered in it."""
    interaction = None if interaction_id is None else InteractionId(interaction_id)
    return document(await deps.best_offers.propose(CustomerId(customer_id), interaction))


@router.put("/interactions/{interaction_id}/best-offers/{best_offer_id}", response_model=AnsweredOffer)
async def answer_best_offer(
    interaction_id: PathId, best_offer_id: PathId, body: AnswerBody, principal: Annotator, deps: Deps
) -> Response:
    """Note what the customer answered; another answer takes the place of the first."""
    record = await _own(deps, principal, interaction_id)
    answered = await deps.best_offers.answer(
        record, best_offer_id, body.answer, by=principal.user.name, agent_id=principal.user.agent_id
    )
    return document(answered)


@router.delete("/interactions/{interaction_id}/best-offers/{best_offer_id}", status_code=204)
async def take_back_answer(interaction_id: PathId, best_offer_id: PathId, principal: Annotator, deps: Deps) -> Response:
    """Forget an answer that was noted by mistake."""
    record = await _own(deps, principal, interaction_id)
    await deps.best_offers.take_back(record.interaction_id, best_offer_id)
    return no_content()


async def _own(deps: WebDependencies, principal: Principal, interaction_id: str) -> Interaction:
    record = await find_interaction(deps, InteractionId(interaction_id))
    if principal.grant is Grant.OWN:
        check_own(deps, record, principal.own_agent())
    return record
