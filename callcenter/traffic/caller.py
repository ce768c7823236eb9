"""One simulated caller: one SIPp for one call."""

import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from callcenter.traffic.plan import CallPlan
from callcenter.traffic.sipp import Place, SippProcess, scenario

log = structlog.get_logger(__name__)

SET_UP_LIMIT: Final = timedelta(seconds=35)
"""An INVITE that nobody answers is given up by SIPp after 32 s."""
YOUNG_LIMIT: Final = timedelta(seconds=1.5)
# One call at a time and one attempt more at most: see callcenter/traffic/sipp.py.
ONE_CALL: Final = ("-m", "2", "-l", "1", "-r", "1", "-rp", "1000")
_ENDS: Final = {"hung_up": "caller", "left": "server", "refused": "refused"}


async def place_call(plan: CallPlan, *, server: str, place: Place, folder: Path) -> None:
    """Live this caller's call to its end; cancelled, he hangs up."""
    sipp = SippProcess(place, folder)
    began = time.monotonic()
    end = "cut_off"
    try:
        await sipp.start(caller_scenario(plan), [server, *ONE_CALL])
        status = await sipp.wait(plan.longest + SET_UP_LIMIT)
        end = next((_ENDS[mark] for mark in sipp.marks if mark in _ENDS), "failed")
        if end == "failed":
            log.warning("traffic_call_failed", call=plan.number, status=status, error=sipp.last_error())
    finally:
        # Only a call that has been answered, or is seen to ring, is ended so that the PBX knows it.
        await sipp.until_marked(lambda marks: bool(marks), YOUNG_LIMIT)
        await sipp.end()
        # Without telephone numbers: a log is read by more people than the calls.
        log.info(
            "traffic_call",
            call=plan.number,
            caller=plan.kind,
            line=plan.line,
            keys="".join(press.key for press in plan.keys),
            ended_by=end,
            seconds=round(time.monotonic() - began, 1),
        )
        shutil.rmtree(folder, ignore_errors=True)


def caller_scenario(plan: CallPlan) -> str:
    """The scenario file of this caller."""
    from_ = '"Anonymous" <sip:anonymous@anonymous.invalid>' if plan.ani is None else f"<sip:{plan.ani}@[local_ip]>"
    whole_call = {"FROM": from_, "DNIS": plan.dnis}
    keys = [
        scenario(
            "key",
            whole_call
            | {
                "KEY": press.key,
                "NUMBER": str(index),
                "CSEQ": str(index + 2),
                "AFTER": _milliseconds(press.after),
            },
        )
        for index, press in enumerate(plan.keys)
    ]
    return scenario("caller", whole_call | {"KEYS": "  ".join(keys), "STAY": _milliseconds(plan.stay)})


def _milliseconds(duration: timedelta) -> str:
    return str(round(duration / timedelta(milliseconds=1)))
