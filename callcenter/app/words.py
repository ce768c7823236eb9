"""What is said to callers who wait, as the configuration has it now."""

from typing import Protocol

from callcenter.ivr.waiting import WaitingPrompts


class WaitingWords(Protocol):
    """The words, and whose language counts where a caller has not chosen one."""

    @property
    def waiting_prompts(self) -> WaitingPrompts:
        """The queues' prompts."""
        ...

    @property
    def default_language(self) -> str:
        """The language of who has not chosen one."""
        ...
