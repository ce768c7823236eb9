"""How long an interaction will wait, from who can serve it and how long they take.

With `c` agents all busy on handle times of mean `h`, one of them frees every `h / c` on average, and the caller at
position `p` is served at the p-th freeing: `p * h / c`. It is the mean of the Erlang distribution of p exponential
steps (L. Kleinrock, Queueing Systems I, 1975, section 3.4: the M/M/c queue with all servers busy).
"""

from dataclasses import dataclass
from datetime import timedelta

SMOOTHING = 0.1
"""Weight of the newest handle time in the running mean: about the last twenty count."""


@dataclass(slots=True)
class HandleTime:
    """The running mean of talk and wrap-up in one queue, exponentially smoothed."""

    mean: timedelta
    learned: bool = False

    def expect(self, mean: timedelta) -> None:
        """Reckon with this until something has been learned."""
        if not self.learned:
            self.mean = mean

    def learn(self, handled: timedelta) -> None:
        """Take one handled interaction in."""
        self.mean += (handled - self.mean) * SMOOTHING
        self.learned = True


def expected_wait(position: int, serving_agents: int, idle_agents: int, handle_time: timedelta) -> timedelta | None:
    """The predicted wait of the interaction at `position` (from 1); None when nobody serves the queue.

    `serving_agents` counts those who can serve it and are at work, `idle_agents` those of them free right now.
    """
    if serving_agents <= 0:
        return None
    if position <= idle_agents:
        return timedelta()
    return (position - idle_agents) * handle_time / serving_agents
