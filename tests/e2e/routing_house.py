"""A house for tests of the routing: queues by the rules of a business's file, a number for each, an outside trunk.

    async with RoutingHouse(base, queues={"sales": "steps: [{after_seconds: 0, who: 'billing>=5'}]"}) as house:
        async with house.dialled("sales") as caller, house.agent("1001") as agent: ...

Nobody is told his place here unless a queue says so, wrap-up ends at once, and every prompt is a tone
(prompt_tones.py).
Each agent's phone says a tone of its own, so that it can be told who talks with whom.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from tests import commands
from tests.e2e.agent_phone import AGENTS_HOST
from tests.e2e.desktop import Desktop
from tests.e2e.house import PASSWORD, PROJECT, House
from tests.e2e.phones import AgentPhone, Answer, Behaviour, Caller, IncomingCall, KeyStep, Tone
from tests.e2e.prompt_tones import Ear, PromptTones, queue_prompts
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_ports

CALLERS_TONE: Final = Tone(hertz=3_350)
AGENTS_HERTZ: Final = {str(1001 + number): 430 - 10 * number for number in range(10)}
OUTSIDE_HERTZ: Final = 300
UNKNOWN: Final = "+8613712345678"

TRUNKS = """
[[trunks]]
name = "demo"
match = ["127.0.0.2"]

[[trunks]]
name = "outside"
match = ["127.0.0.9"]
contact = "sip:{host}:{port}"
"""
FLOW = """
flow: {name}
languages: [zh, en]
start: to_queue
rescue: to_queue
prompts: {{}}
nodes:
  to_queue: {{kind: queue, queue: {queue}, priority: {priority}}}
"""
USUAL = {
    "ring_timeout_seconds": "20",
    "wrap_up_seconds": "0",
    "announce_first_after_seconds": "3000",
}
SKILLS = "skills: {billing: {zh: 账务, en: Billing}, tech: {zh: 技术, en: Technical}, spare: {zh: 备用, en: Spare}}\n"


class RoutingHouse(House):
    """`queues` are the fields of each queue as in a business's file; `agents` those of agents besides the usual name.

    Each queue has a line of its name; `lines` are more of them, by name: the queue, and the priority that the flow
    gives; `flows` are texts of flows that are lines of their own, by their names. `rest` is more of the file, whole
    parts of it.
    """

    def __init__(
        self,
        base: Path,
        *,
        queues: Mapping[str, str],
        agents: Mapping[str, str],
        rest: str = "",
        lines: Mapping[str, tuple[str, int]] | None = None,
        flows: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.outside_port = free_ports(1, AGENTS_HOST)[0]
        recorded = base / "recorded"
        own = {
            "CALLCENTER_ASTERISK_OUTSIDE_TRUNK": "outside",
            "CALLCENTER_FLOWS_RECORDED_PROMPTS": str(recorded),
        }
        super().__init__(
            base, own | dict(environment or {}), config=TRUNKS.format(host=AGENTS_HOST, port=self.outside_port)
        )
        self._queues, self._agents, self._rest = queues, agents, rest
        self._lines = {queue: (queue, 0) for queue in queues} | dict(lines or {})
        self._board: Desktop | None = None
        self._flows = dict(flows or {})
        names = [*self._lines, *self._flows]
        self._numbers = {line: str(4_801 + index) for index, line in enumerate(names)}
        self.tones = PromptTones(queue_prompts(PROJECT / "ivr_flows"))
        self.tones.write(recorded)

    async def _arrange_for_tests(self) -> None:
        await super()._arrange_for_tests()
        flows = Path(self.environment["CALLCENTER_FLOWS_DIRECTORY"])
        for line, (queue, priority) in self._lines.items():
            text = FLOW.format(name=f"to_{line}", queue=queue, priority=priority)
            (flows / f"to_{line}.yaml").write_text(text, encoding="utf-8")
        for name, text in self._flows.items():
            (flows / f"{name}.yaml").write_text(text, encoding="utf-8")
        await self.apply(self.business())

    def business(self) -> str:
        """The business's file."""
        lines = [SKILLS, self._rest, "queues:\n"]
        for queue, fields in self._queues.items():
            usual = "".join(f", {name}: {value}" for name, value in USUAL.items() if f"{name}:" not in fields)
            lines.append(f"  {queue}: {{label: {{zh: {queue}, en: {queue}}}{usual}, {fields}}}\n")
        lines.append("agents:\n")
        lines += [f"  '{agent}': {{name: Agent {agent}, {fields}}}\n" for agent, fields in self._agents.items()]
        lines.append("numbers:\n")
        for line, number in self._numbers.items():
            flow = line if line in self._flows else f"to_{line}"
            lines.append(f"  '{number}': {{flow: {flow}, label: {{zh: {line}, en: {line}}}}}\n")
        return "".join(lines)

    async def apply(self, business: str) -> str:
        """Run `callcenter config apply`; what it printed."""
        done = await asyncio.to_thread(
            commands.run,
            ["config", "apply", "-", "--config", str(self.config_path)],
            environment=self.environment,
            directory=PROJECT,
            said=business,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # ---- people

    def number(self, line: str) -> str:
        """The number of a line."""
        return self._numbers[line]

    def dialled(
        self,
        line: str,
        ani: str | None = UNKNOWN,
        *,
        keys: Sequence[KeyStep] = (),
        keys_by: Literal["rfc4733", "info"] = "rfc4733",
    ) -> Caller:
        """Somebody who calls a line and says a tone; use it with `async with`."""
        caller = Caller(
            server=self.sip,
            dnis=self.number(line),
            ani=ani,
            keys=keys,
            keys_by=keys_by,
            sound=CALLERS_TONE,
            log_dir=self.base / "sip",
        )
        self.callers.append(caller)
        return caller

    def phone(self, agent_id: str, behaviour: Behaviour | None = None) -> AgentPhone:
        """A registered phone that says its agent's tone."""
        phone = AgentPhone(
            server=self.sip,
            user=agent_id,
            password=PASSWORD,
            behaviour=behaviour or Answer(),
            sound=Tone(hertz=AGENTS_HERTZ[agent_id]),
            log_dir=self.base / "sip",
        )
        self.phones.append(phone)
        return phone

    def outside(self, behaviour: Behaviour | None = None) -> AgentPhone:
        """Whoever is called over the outside trunk, whatever his number; use it with `async with`."""
        return AgentPhone(
            server=self.sip,
            user="outside",
            behaviour=behaviour or Answer(),
            sound=Tone(hertz=OUTSIDE_HERTZ),
            port=self.outside_port,
            name="outside",
            log_dir=self.base / "sip",
        )

    def ear(self, line: Caller | IncomingCall) -> Ear:
        """Listen to which prompts come over a line."""
        return Ear(self.tones, line.audio)

    # ---- what is known

    async def waiting(self, queue: str, count: int, *, seconds: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """Wait until the board shows so many who wait in a queue, each with his place; their rows, next first."""
        board = await self.board()

        def rows() -> list[dict[str, Any]]:
            found = [row for row in board.documents.get("waiting", {}).values() if row["queue_id"] == queue]
            return sorted(found, key=lambda row: int(row["position"]))

        def are_all_drawn() -> bool:
            # Rows come one by one: while they do, two may show the same place.
            return [row["position"] for row in rows()] == list(range(1, count + 1))

        await board.until(are_all_drawn, f"{count} wait in {queue}", seconds)
        return rows()

    async def row_when(
        self,
        interaction_id: str,
        holds: Callable[[dict[str, Any]], bool],
        what: str,
        *,
        seconds: float = PATIENCE_SECONDS,
    ) -> dict[str, Any]:
        """Wait until the board's row of somebody who waits says something; the board is a moment behind."""
        board = await self.board()

        def says() -> bool:
            row = board.documents.get("waiting", {}).get(interaction_id)
            return row is not None and holds(row)

        await board.until(says, f"{interaction_id}: {what}", seconds)
        return board.documents["waiting"][interaction_id]

    async def board(self) -> Desktop:
        """The supervisor's board."""
        if self._board is None:
            self._board = await self.desktop("super")
        return self._board

    async def renew_board(self) -> None:
        """Sign the supervisor in anew, after the server was restarted."""
        if self._board is not None:
            await self._board.close()
            self._desktops.remove(self._board)
            self._board = None

    async def record(self, interaction_id: str) -> dict[str, Any]:
        """An interaction as the API tells it, with its timeline."""
        found: dict[str, Any] = await (await self.board()).get(f"/interactions/{interaction_id}")
        return found

    async def record_when(
        self,
        interaction_id: str,
        holds: Callable[[dict[str, Any]], bool],
        what: str,
        *,
        seconds: float = PATIENCE_SECONDS,
    ) -> dict[str, Any]:
        """Wait until an interaction's record says something."""

        async def says() -> bool:
            return holds(await self.record(interaction_id))

        await self.until(says, f"{interaction_id}: {what}", seconds=seconds)
        return await self.record(interaction_id)

    async def interaction_of(self, caller: Caller, *, seconds: float = PATIENCE_SECONDS) -> str:
        """The id of the latest call from this caller's number."""
        answered = [other for other in self.callers if other.ani == caller.ani and other.answered_at is not None]
        arrived: list[str] = []

        async def is_known() -> bool:
            events = self.invariants().events("InteractionArrived")
            arrived[:] = [event["interaction_id"] for event in events if event["data"]["ani"]["e164"] == caller.ani]
            return len(arrived) >= len(answered) > 0

        await self.until(is_known, f"the call from {caller.ani} is in the database", seconds=seconds)
        return arrived[-1]

    async def record_of(self, caller: Caller) -> dict[str, Any]:
        """The record of the latest call from this caller's number, once it has ended."""
        return await self.ended(await self.interaction_of(caller))

    async def ended(self, interaction_id: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The record of an interaction, once its end is on the disk with all that came before."""

        def is_over(record: dict[str, Any]) -> bool:
            return any(entry["name"] == "interaction_ended" for entry in record["timeline"])

        return await self.record_when(interaction_id, is_over, "it has ended", seconds=seconds)
