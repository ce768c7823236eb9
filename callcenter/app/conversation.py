"""What is said to one caller who waits, and asked of him, in his language."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from callcenter.app.caller import CallerChannel
from callcenter.app.menu import Voice
from callcenter.app.words import WaitingWords
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Variables
from callcenter.ivr.waiting import WaitingPrompt, WaitingPrompts

ANSWER_LIMIT = timedelta(seconds=6)
"""How long a caller who was asked something may think, with music."""


class Conversation:
    """One question of his channel; `language` is what he has chosen so far, empty while nobody knows."""

    def __init__(
        self, channel: CallerChannel, words: WaitingWords, voice: Voice, language: str, music_class: str = "default"
    ) -> None:
        self.channel = channel
        self.words = words
        self.music_class = music_class
        """What plays while he thinks."""
        self.voice = voice
        self._language = language

    @property
    def language(self) -> str:
        """The language he is spoken to in."""
        return self._language or self.words.default_language

    def speak(self, language: str) -> None:
        """He has chosen another language."""
        self._language = language

    @property
    def prompts(self) -> WaitingPrompts:
        """The queues' prompts."""
        return self.words.waiting_prompts

    async def paths(self, *said: Utterance) -> tuple[str, ...]:
        """The sound files of what is to be said, those that are there in time."""
        return tuple(path for path in await self.paths_or_none(*said) if path is not None)

    async def paths_or_none(self, *said: Utterance) -> tuple[str | None, ...]:
        """The same, one for each of them: he waits as long as for the slowest, not for all in turn."""
        return tuple(await asyncio.gather(*(self.voice.path_of(utterance) for utterance in said)))

    async def prompt_paths(self, *prompts: WaitingPrompt, variables: Variables | None = None) -> tuple[str, ...]:
        """The sound files of some prompts."""
        return await self.paths(*(self.prompts.say(prompt, self.language, variables) for prompt in prompts))

    async def say(self, prompt: WaitingPrompt) -> None:
        """Say something to its end."""
        for path in await self.prompt_paths(prompt):
            await self.channel.play(path, "")

    async def hear(self, paths: Sequence[str], keys: str) -> str | None:
        """Say something that one of `keys` cuts short: that key."""
        for path in paths:
            key = await self.channel.play(path, keys)
            if key is not None:
                return key
        return None

    async def ask(self, prompt: WaitingPrompt, keys: str, variables: Variables | None = None) -> str | None:
        """Ask, and wait for one of `keys`."""
        return await self.choose(await self.prompt_paths(prompt, variables=variables), keys)

    async def choose(self, paths: Sequence[str], keys: str, limit: timedelta = ANSWER_LIMIT) -> str | None:
        """Say these, and wait for one of `keys` with music, which goes on afterwards."""
        return await self.channel.ask(paths, keys, limit, self.music_class)
