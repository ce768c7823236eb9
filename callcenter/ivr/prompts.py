"""What is said: prompts by id, one text per language, and the utterance that comes of a prompt and its variables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from callcenter.ivr.speech import say_value
from callcenter.ivr.variables import Variables

PROMPT_MAX_CHARACTERS: Final = 600
VARIABLE_MAX_CHARACTERS: Final = 60
"""Of a text from outside; digits of it may be said in so many letters as they take."""
SPOKEN_MAX_CHARACTERS: Final = 300

PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z]+))?\}")
"""`{customer_name}`, or with the way to say it, `{position:number}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """Something to be heard: the words as they are spoken, and in which language.

    `prompt_id` is set when the words are always the same, so that a recording may take their place; it is
    `<set>.<prompt>` and never a path. It is None when variables have been filled in.
    """

    language: str
    prompt_id: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptText:
    """The words of a prompt; `voice` is the language that speaks them, mostly but not always the caller's."""

    voice: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """Prompts under one name; `lines` tell where each stands in its file."""

    name: str
    languages: tuple[str, ...]
    texts: Mapping[str, Mapping[str, PromptText]]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What codes such as the state of a case are called in each language, for `{case_state:word}`."""
    filename: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def utterance(self, prompt: str, language: str, variables: Variables) -> Utterance:
        """The prompt for a caller who speaks `language`, with its variables filled in."""
        text = self.texts[prompt][language]

        def fill(found: re.Match[str]) -> str:
            value = variables.get(found[1], "")
            if found[2] == "word" and isinstance(value, str):
                value = self.word(value, text.voice)
            at_most = VARIABLE_MAX_CHARACTERS if isinstance(value, str) else SPOKEN_MAX_CHARACTERS
            return _clean(say_value(value, found[2], text.voice), at_most)

        words = PLACEHOLDER.sub(fill, text.text)
        fixed = PLACEHOLDER.search(text.text) is None
        return Utterance(language=text.voice, prompt_id=f"{self.name}.{prompt}" if fixed else None, text=words)

    def word(self, code: str, language: str) -> str:
        """What a code is called in a language; the code itself when nobody has said."""
        return self.words.get(code, {}).get(language, code)

    def fixed_utterances(self) -> tuple[Utterance, ...]:
        """Every utterance without variables, once: these can be built before anybody calls."""
        made = {
            self.utterance(prompt, language, {}): None
            for prompt, texts in self.texts.items()
            for language, text in texts.items()
            if PLACEHOLDER.search(text.text) is None
        }
        return tuple(made)


def _clean(value: str, at_most: int) -> str:
    # What comes from outside may hold anything; the voice gets one short line of printable signs. Double square
    # brackets would be taken for phonemes.
    printable = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in value)
    return " ".join(re.sub(r"[\[\]{}<>]", " ", printable).split())[:at_most]
