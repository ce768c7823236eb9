"""What customer value and segments say no to; each has a stable code.

InvalidValue (domain)
└── CrmError                crm_invalid
    ├── ModelNotFitted      model_not_fitted       too little, or nothing usable, to learn a model from
    └── SegmentError        segment_invalid        a segment's text cannot be read; it holds the position
"""

from callcenter.domain.errors import InvalidValue
from callcenter.domain.labels import Label


class CrmError(InvalidValue):
    """The root: what was given cannot be worked with."""

    code = "crm_invalid"


class ModelNotFitted(CrmError):
    """The purchases given cannot teach this model its parameters."""

    code = "model_not_fitted"


class SegmentError(CrmError):
    """A segment's text that cannot be read; `position` counts characters from 1."""

    code = "segment_invalid"

    def __init__(self, what: Label, *, position: int) -> None:
        said = Label(zh=f"第 {position} 个字符：{what.zh}", en=f"at character {position}: {what.en}")
        super().__init__(said.en, said=said)
        self.position = position
