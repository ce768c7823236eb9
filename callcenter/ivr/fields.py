"""The fields of flow files: what each is, whether it is needed, its limits; reader and schema follow this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from callcenter.ivr.variables import LOOKUP_VARIABLES

MAX_PRIORITY: Final = 1_000
MAX_DIGITS: Final = 32
MAX_RETRIES: Final = 9
MAX_QUESTIONS: Final = 3


class Shape(Enum):
    """What a field holds."""

    NODE = "the name of a node"
    PERSON = "the name of a node, or none"
    PROMPT = "the name of a prompt"
    PROMPTS = "the name of a prompt, or a list of them"
    VARIABLE = "the name of a variable"
    FLOW = "the name of a flow"
    WORD = "the id of something of the business"
    TEXT = "a text"
    WHOLE = "a whole number"
    SECONDS = "seconds"
    YES_NO = "yes or no"
    CHOICE = "one of some words"
    LANGUAGE = "a language of the flow, or next"
    KEY = "a key of the telephone"
    LABEL = "a text in Chinese and English"
    MENU_KEYS = "keys, each with its label and where it goes"
    LANGUAGE_KEYS = "keys, each with its language"
    CASES = "conditions, each with where it goes"
    SKILLS = "skills, each with its level"
    VALUES = "variables, each with what it is set to"
    QUESTIONS = "questions"
    HOURS = "the id of the business's hours, or hours written out"
    SEND = "names, each with a variable"
    INTO = "variables, each with its place in the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field; `low`, `high` and `usual` are for numbers and seconds, `usual` also for yes (1) and no (0)."""

    shape: Shape
    about: str
    needed: bool = False
    low: int = 0
    high: int = 0
    usual: int = 0
    choices: tuple[str, ...] = ()
    usual_choice: str | None = None


def _node(about: str, *, needed: bool = True) -> Field:
    return Field(shape=Shape.NODE, about=about, needed=needed)


_SAY = Field(shape=Shape.PROMPTS, about="What is said.", needed=True)
_MAY_SAY = Field(shape=Shape.PROMPTS, about="What is said before.")
_NEXT = _node("The node that follows.")
_QUEUE = Field(shape=Shape.WORD, about="The id of the queue.", needed=True)
_PRIORITY = Field(shape=Shape.WHOLE, about="Added to the priority.", low=-MAX_PRIORITY, high=MAX_PRIORITY)
_SKILLS = Field(shape=Shape.SKILLS, about="Skills wanted beyond those of the queue, with their levels.")
_INTERRUPTIBLE = Field(shape=Shape.YES_NO, about="Whether a key cuts the words short.", usual=1)
_FAILED = _node("Where it goes when no answer comes in time; the rescue if not written.", needed=False)

ASKING_FIELDS: Final[Mapping[str, Field]] = {
    "timeout_seconds": Field(shape=Shape.SECONDS, about="How long a key is waited for.", low=1, high=60, usual=5),
    "retries": Field(shape=Shape.WHOLE, about="How often it is asked again.", low=0, high=MAX_RETRIES, usual=2),
    "invalid": Field(shape=Shape.PROMPT, about="Said before asking again after a wrong key."),
    "silent": Field(shape=Shape.PROMPT, about="Said before asking again after silence."),
    "give_up": _node("Where it goes after too many; the rescue if not written.", needed=False),
    "person": Field(shape=Shape.PERSON, about="The node that 0 leads to; none where it shall not."),
    "back": Field(shape=Shape.YES_NO, about="Whether * leads back to the question before."),
    "interruptible": _INTERRUPTIBLE,
    "type_ahead": Field(shape=Shape.YES_NO, about="Whether keys pressed before it was asked count.", usual=1),
}

KIND_FIELDS: Final[Mapping[str, Mapping[str, Field]]] = {
    "say": {"say": _SAY, "interruptible": _INTERRUPTIBLE, "next": _NEXT},
    "menu": {
        "say": _SAY,
        "keys": Field(shape=Shape.MENU_KEYS, about="The choices.", needed=True),
        **ASKING_FIELDS,
    },
    "language": {
        "say": _SAY,
        "keys": Field(shape=Shape.LANGUAGE_KEYS, about="The language of each key.", needed=True),
        "always": Field(shape=Shape.YES_NO, about="Whether it is asked although the language is known."),
        "next": _NEXT,
        **ASKING_FIELDS,
    },
    "switch_language": {
        "to": Field(shape=Shape.LANGUAGE, about="The language, or next: the one after his.", needed=True),
        "next": _NEXT,
    },
    "collect": {
        "say": _SAY,
        "into": Field(shape=Shape.VARIABLE, about="The variable that gets the digits.", needed=True),
        "label": Field(shape=Shape.LABEL, about="What agents read beside the digits."),
        "min_digits": Field(shape=Shape.WHOLE, about="The fewest digits.", low=1, high=MAX_DIGITS, usual=1),
        "max_digits": Field(shape=Shape.WHOLE, about="The most digits.", low=1, high=MAX_DIGITS, usual=MAX_DIGITS),
        "end_key": Field(
            shape=Shape.CHOICE, about="The key that ends the number.", choices=("#", "*", "none"), usual_choice="#"
        ),
        "between_digits_seconds": Field(
            shape=Shape.SECONDS, about="The pause that ends the number.", low=1, high=30, usual=3
        ),
        "secret": Field(shape=Shape.YES_NO, about="Whether the digits are never shown, said or logged."),
        "next": _NEXT,
        **ASKING_FIELDS,
    },
    "confirm": {
        "say": _SAY,
        "yes": _node("Where it goes when it is right."),
        "no": _node("Where it goes when it is wrong."),
        "yes_key": Field(shape=Shape.KEY, about="The key for yes; 1 if not written."),
        "no_key": Field(shape=Shape.KEY, about="The key for no; 2 if not written."),
        **ASKING_FIELDS,
    },
    "survey": {
        "questions": Field(shape=Shape.QUESTIONS, about=f"At most {MAX_QUESTIONS} questions.", needed=True),
        "next": _NEXT,
        **ASKING_FIELDS,
    },
    "set": {
        "values": Field(shape=Shape.VALUES, about="What each variable is set to.", needed=True),
        "next": _NEXT,
    },
    "branch": {
        "cases": Field(shape=Shape.CASES, about="The first condition that holds counts.", needed=True),
        "otherwise": _node("Where it goes when none holds."),
    },
    "hours": {
        "hours": Field(shape=Shape.HOURS, about="The opening hours.", needed=True),
        "open": _node("Where it goes when it is open."),
        "closed": _node("Where it goes when it is closed."),
    },
    "lookup": {
        "say": _MAY_SAY,
        "of": Field(shape=Shape.CHOICE, about="What is looked up.", needed=True, choices=tuple(LOOKUP_VARIABLES)),
        "number": Field(shape=Shape.VARIABLE, about="The variable with the number it is known by."),
        "pin": Field(shape=Shape.VARIABLE, about="The secret that proves who he is."),
        "queue": Field(shape=Shape.WORD, about="The id of the queue that is looked at."),
        "found": _node("Where it goes with what was found."),
        "missing": _node("Where it goes when there is nothing.", needed=False),
        "failed": _FAILED,
    },
    "http": {
        "say": Field(shape=Shape.PROMPTS, about="Said meanwhile, so that he does not wait in silence.", needed=True),
        "url": Field(shape=Shape.TEXT, about="The address; {variable} stands for its value.", needed=True),
        "send": Field(shape=Shape.SEND, about="Sent as JSON by POST; without it, it is a GET."),
        "into": Field(shape=Shape.INTO, about="What is taken out of the answer.", needed=True),
        "limit_seconds": Field(shape=Shape.SECONDS, about="How long an answer is waited for.", low=1, high=3, usual=3),
        "next": _NEXT,
        "missing": _node("Where it goes when the service knows nothing of it (404).", needed=False),
        "failed": _FAILED,
    },
    "flow": {
        "flow": Field(shape=Shape.FLOW, about="The flow to go through.", needed=True),
        "next": _NEXT,
    },
    "return": {},
    "queue": {"say": _MAY_SAY, "queue": _QUEUE, "priority": _PRIORITY, "skills": _SKILLS},
    "callback": {
        "say": _MAY_SAY,
        "queue": _QUEUE,
        "number": Field(shape=Shape.VARIABLE, about="The variable with the number; his own if not written."),
        "priority": _PRIORITY,
        "skills": _SKILLS,
    },
    "voicemail": {
        "say": _MAY_SAY,
        "queue": _QUEUE,
        "longest_seconds": Field(
            shape=Shape.SECONDS, about="The longest message that is taken.", low=5, high=600, usual=180
        ),
        "silence_seconds": Field(shape=Shape.SECONDS, about="The silence that ends it.", low=1, high=30, usual=5),
    },
    "transfer": {
        "say": _MAY_SAY,
        "agent": Field(shape=Shape.WORD, about="The id of an agent."),
        "queue": Field(shape=Shape.WORD, about="The id of a queue."),
        "number": Field(shape=Shape.TEXT, about="A number outside, with + and the country's code."),
        "ring_seconds": Field(shape=Shape.SECONDS, about="How long it rings there.", low=5, high=120, usual=30),
        "failed": _node("Where it goes when nobody answers; the rescue if not written.", needed=False),
    },
    "end": {"say": _MAY_SAY},
}
"""The fields of each kind of node, beside `kind`."""

FLOW_FIELDS: Final = ("flow", "languages", "start", "rescue", "variables", "asking", "words", "prompts", "nodes")
ASKING_KINDS: Final = tuple(kind for kind, fields in KIND_FIELDS.items() if "give_up" in fields)
