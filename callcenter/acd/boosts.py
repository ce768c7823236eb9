"""What a caller's traits are worth in a queue: points of priority, each with its ground, together within the limit."""

from callcenter.domain.callers import CallerTraits
from callcenter.domain.offers import ReasonPart
from callcenter.domain.queues import Boosts


def boost_of(traits: CallerTraits, boosts: Boosts) -> tuple[int, tuple[ReasonPart, ...]]:
    """The points a queue adds, between minus and plus its limit, and what they are for."""
    points = {
        f"class {traits.customer_class}": boosts.classes.get(traits.customer_class, 0) if traits.customer_class else 0,
        "open complaint": boosts.open_complaint if traits.open_complaint else 0,
        "transferred": boosts.transferred if traits.transferred else 0,
        f"language {traits.language}": boosts.languages.get(traits.language, 0) if traits.language else 0,
    }
    points |= {f"segment {name}": boosts.segments.get(name, 0) for name in traits.segments}
    total = sum(points.values())
    if not any(points.values()):
        return 0, ()
    grounds = tuple(ReasonPart(name=name, value=f"{value:+d}") for name, value in points.items() if value)
    bounded = max(-boosts.limit, min(boosts.limit, total))
    if bounded != total:
        grounds = (*grounds, ReasonPart(name="limited to", value=f"{bounded:+d}"))
    return bounded, grounds
