"""Skills and their levels: 1 (some) to 10 (expert)."""

from collections.abc import Mapping
from dataclasses import dataclass

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import SkillId

LOWEST_LEVEL = 1
HIGHEST_LEVEL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillRequirement:
    """At least `minimum_level` in `skill`."""

    skill: SkillId
    minimum_level: int = LOWEST_LEVEL

    def __post_init__(self) -> None:
        if not LOWEST_LEVEL <= self.minimum_level <= HIGHEST_LEVEL:
            raise InvalidValue(
                f"skill {self.skill}: level {self.minimum_level} is outside {LOWEST_LEVEL} to {HIGHEST_LEVEL}",
                code="invalid_skill_level",
            )

    def __str__(self) -> str:
        return f"{self.skill}>={self.minimum_level}"


def satisfies(levels: Mapping[SkillId, int], requirements: tuple[SkillRequirement, ...]) -> bool:
    """Whether someone with these `levels` meets every requirement."""
    return all(levels.get(need.skill, 0) >= need.minimum_level for need in requirements)
