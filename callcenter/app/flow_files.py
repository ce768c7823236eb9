"""Flow files as flows that are sound and fit together; hours in them are written as in the business's file."""

from collections.abc import Mapping

from callcenter.app.business_hours import read_hours
from callcenter.app.opening_hours import opening_hours
from callcenter.domain.hours import OpeningHours
from callcenter.ivr.document import Section
from callcenter.ivr.flow import Flow
from callcenter.ivr.reader import Surroundings, parse_flows


def read_flows(texts: Mapping[str, str], surroundings: Surroundings | None = None) -> dict[str, Flow]:
    """The flows of these files, by their names; raises `FlowError` with the faults of all."""
    return parse_flows(texts, surroundings=surroundings, read_hours=written_hours)


def written_hours(fields: Section) -> OpeningHours:
    """Opening hours that are written out in a file."""
    return opening_hours(read_hours(fields))
