"""Whether the prompts and flows that queues name are there."""

from collections.abc import Collection, Iterable, Iterator

from callcenter.app.business import Part
from callcenter.app.business_checks import BusinessFault
from callcenter.domain.queues import QueueConfig
from callcenter.ivr.waiting import WaitingPrompts


def name_faults(
    queues: Iterable[QueueConfig], *, prompts: WaitingPrompts | None, flows: Collection[str] | None
) -> Iterator[BusinessFault]:
    """The prompts and flows that queues name and that are not there; None: nobody knows which there are."""
    for queue in queues:
        if prompts is not None:
            yield from _prompt_faults(queue, prompts)
        flow = queue.waiting.self_service
        if flow and flows is not None and flow not in flows:
            what = (
                f"queue {queue.queue_id}: its self-service is the flow {flow!r}, which is not in the flows' directory"
            )
            right = f"known: {', '.join(sorted(flows)) or 'none'}"
            place = (Part.QUEUES, queue.queue_id, "waiting", "self_service")
            yield BusinessFault(code="unknown_flow", what=what, right=right, places=(place,))


def _prompt_faults(queue: QueueConfig, prompts: WaitingPrompts) -> Iterator[BusinessFault]:
    named: list[tuple[tuple[str, ...], str]] = [
        (("waiting", field), name) for field, names in queue.waiting.prompts.items() for name in names
    ]
    named += [(("steps", str(index), "announce"), step.announce) for index, step in enumerate(queue.steps)]
    for place, name in named:
        reason = prompts.unsayable(name) if name else None
        if reason is not None:
            what = f"queue {queue.queue_id}: {'.'.join(place)} names the prompt {name!r}, {reason}"
            right = f"add it to the queues' prompts, or use {', '.join(prompts.sayable)}"
            where = (Part.QUEUES, queue.queue_id, *place)
            yield BusinessFault(code="unknown_prompt", what=what, right=right, places=(where,))
