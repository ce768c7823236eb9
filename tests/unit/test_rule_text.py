"""Rules as people write them: what is read, what is refused and where, and that nothing is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import AgentId, SkillId
from callcenter.domain.rule_text import (
    RULE_MAX_CHARACTERS,
    RuleTextError,
    parse_rule,
    rule_text,
    simplified,
)
from callcenter.domain.rules import (
    EVERYBODY,
    AllOf,
    AnyOf,
    Anyone,
    InGroup,
    IsAgent,
    Rule,
    SpeaksWithCaller,
    for_caller,
    meets,
)
from callcenter.domain.skills import SkillRequirement

NAMES = st.one_of(
    st.sampled_from(("zh", "billing", "and", "OR", "group", "lang", "caller", "anyone", "a b", 'a"b\\', "贵宾", "1")),
    st.text(min_size=1, max_size=64),
)
ATOMS: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Anyone),
    st.just(EVERYBODY),
    st.builds(InGroup, group=NAMES),
    st.builds(IsAgent, agent_id=NAMES.map(AgentId)),
    st.builds(SpeaksWithCaller, minimum_level=st.integers(1, 10)),
    st.builds(SkillRequirement, skill=NAMES.map(SkillId), minimum_level=st.integers(1, 10)),
)


def _grown(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    parts = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(
        parts.map(lambda rules: AllOf(rules=rules)),
        parts.filter(bool).map(lambda rules: AnyOf(rules=rules)),
    )


RULES: st.SearchStrategy[Rule] = st.recursive(ATOMS, _grown, max_leaves=12)
LEVELS = st.dictionaries(st.sampled_from(("zh", "billing", "and")).map(SkillId), st.integers(1, 10))
GROUPS = st.frozensets(st.sampled_from(("billing", "zh", "group")))
TEXTS = st.lists(
    st.sampled_from(
        (
            "and",
            "or",
            "(",
            ")",
            ">=",
            "=",
            "lang",
            "caller",
            "group",
            "anyone",
            "everybody",
            "billing",
            "5",
            "11",
            '"x y"',
        )
    ),
    max_size=12,
).map(" ".join)


def skill(name: str, level: int = 1) -> SkillRequirement:
    return SkillRequirement(skill=SkillId(name), minimum_level=level)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("billing>=5", skill("billing", 5)),
        (" billing ", skill("billing")),
        ("lang=zh", skill("zh")),
        ("lang = zh >= 3", skill("zh", 3)),
        ("lang=caller", SpeaksWithCaller()),
        ("LANG=Caller>=3", SpeaksWithCaller(minimum_level=3)),
        ('lang="caller"', skill("caller")),
        ("group backoffice", InGroup(group="backoffice")),
        ('group "back office"', InGroup(group="back office")),
        ("anyone", Anyone()),
        ("everybody", EVERYBODY),
        ("a and b or c", AnyOf(rules=(AllOf(rules=(skill("a"), skill("b"))), skill("c")))),
        ("a AND (b or c)", AllOf(rules=(skill("a"), AnyOf(rules=(skill("b"), skill("c")))))),
        ("(((a)))", skill("a")),
        ("a and a", skill("a")),
        ('"or">=2 or "group"', AnyOf(rules=(skill("or", 2), skill("group")))),
    ],
)
def test_what_a_text_says(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule
    assert parse_rule(rule_text(rule)) == rule


@pytest.mark.parametrize(
    ("before", "text", "rule"),
    [
        ("a", "or b", "a or b"),
        ("a or b", "or c and d", "a or b or (c and d)"),
        ("a or b", "and c or d", "(a or b) and (c or d)"),
        ("a", "or anyone", "anyone"),
        ("anyone", "or a", "anyone"),
        ("anyone", "and a", "a"),
        ("a", "b", "b"),
    ],
)
def test_a_step_widens_or_narrows_the_one_before(before: str, text: str, rule: str) -> None:
    assert parse_rule(text, before=parse_rule(before)) == parse_rule(rule)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "'the end' is no name here; a skill, 'lang=', 'group', 'agent' or '(' belongs here"),
        ("billing>5", 8, "'>' has no meaning here"),
        ("billing=5", 8, "compared with '='; write '>='"),
        ("billing>=11", 10, "'11' is no level; write a whole number from 1 to 10"),
        ("billing>=five", 10, "'five' is no level"),
        ("a and", 6, "'the end' is no name"),
        ("a  b", 4, "'b' cannot follow here; join rules with 'and' or 'or'"),
        ("(a or (b)", 10, "the bracket of column 1 is not closed"),
        ("a)", 2, "')' cannot follow"),
        ("group", 6, "the name of a group belongs here"),
        ("group and b", 7, "if 'and' is its name, write it in double quotes"),
        ("lang zh", 6, "after 'lang' there is no '='"),
        ("a or anyone", 6, "'anyone' stands alone"),
        ("anyone and a", 8, "'anyone' stands alone"),
        ("or a", 1, "there is no step before it"),
        ('"a', 1, "has no meaning here"),
        ('""', 1, "the name is empty or too long"),
        ("x" * 65, 1, "the name is empty or too long"),
        ("(" * 21 + "a", 21, "more than 20 brackets are open"),
        (" or ".join(f"a{number}" for number in range(101)), 1, "more than 100 parts"),
        ("a" * (RULE_MAX_CHARACTERS + 1), RULE_MAX_CHARACTERS, "characters; write one of at most"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_column(text: str, column: int, said: str) -> None:
    with pytest.raises(RuleTextError) as refused:
        parse_rule(text)
    assert refused.value.column == column
    assert said in str(refused.value)


def test_nothing_can_be_narrowed_by_anyone() -> None:
    with pytest.raises(RuleTextError, match="narrows nothing"):
        parse_rule("and anyone", before=skill("a"))


@given(RULES)
def test_what_is_written_is_read_back(rule: Rule) -> None:
    assert parse_rule(rule_text(rule)) == simplified(rule)
    assert simplified(simplified(rule)) == simplified(rule)


@given(RULES, RULES)
def test_what_is_written_after_a_rule_is_read_back_after_it(before: Rule, rule: Rule) -> None:
    both = simplified(AnyOf(rules=(before, rule)))
    for one in (rule, both):
        assert parse_rule(rule_text(one, before=before), before=before) == simplified(one)


@given(RULES, LEVELS, GROUPS, st.sampled_from(("", "zh", "billing")), st.booleans())
def test_a_simplified_rule_is_met_by_the_same_agents(
    rule: Rule, levels: dict[SkillId, int], groups: frozenset[str], language: str, needy: bool
) -> None:
    agent = AgentConfig(agent_id=AgentId("1"), name="A", skills=levels, groups=groups)
    needs = (skill("billing", 4),) if needy else ()
    assert meets(agent, for_caller(simplified(rule), language, needs)) == meets(
        agent, for_caller(rule, language, needs)
    )


@given(st.one_of(TEXTS, st.text()), st.one_of(st.none(), RULES))
def test_a_text_is_a_rule_or_an_error_with_a_column_in_it(text: str, before: Rule | None) -> None:
    rule: Rule | None = None
    refused: RuleTextError | None = None
    try:
        rule = parse_rule(text, before=before)
    except RuleTextError as error:
        refused = error
    if refused is not None:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.what
        assert refused.right
    else:
        assert isinstance(rule, Rule)
        assert parse_rule(rule_text(rule)) == rule
