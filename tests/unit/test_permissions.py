import pytest

from callcenter.app.permissions import PERMISSIONS, Action, Forbidden, Grant, Role, grant_of, require


def test_every_action_has_a_row_and_someone_who_may() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(PERMISSIONS[action] for action in Action)


@pytest.mark.parametrize(
    "action",
    [Action.READ_AGENTS, Action.READ_WAITING, Action.FOLLOW_AGENTS, Action.FOLLOW_WAITING],
)
def test_an_agent_sees_neither_the_floor_nor_who_waits(action: Action) -> None:
    assert grant_of(Role.AGENT, action) is None
    assert grant_of(Role.SUPERVISOR, action) is Grant.ANY
    with pytest.raises(Forbidden, match="administrator, supervisor"):
        require(Role.AGENT, action)


def test_a_visitor_gets_no_further_than_the_door() -> None:
    assert {action for action in Action if grant_of(Role.VISITOR, action) is not None} == {
        Action.READ_PAGES,
        Action.READ_HEALTH,
        Action.READ_API_DESCRIPTION,
        Action.READ_DEMO,
        Action.SIGN_IN,
        # Figures alone, and only with a link that a supervisor has made.
        Action.READ_WALL,
    }


@pytest.mark.parametrize("action", [Action.LIST_INTERACTIONS, Action.ANNOTATE_INTERACTION])
def test_an_agents_permission_over_interactions_reaches_his_own(action: Action) -> None:
    assert require(Role.AGENT, action) is Grant.OWN
    assert require(Role.SUPERVISOR, action) is Grant.ANY


@pytest.mark.parametrize("action", [Action.READ_DESK, Action.SET_STATE, Action.SET_PHONE, Action.FOLLOW_DESK])
def test_a_desk_is_its_owners_alone_whatever_his_role(action: Action) -> None:
    assert {grant_of(role, action) for role in Role if role is not Role.VISITOR} == {Grant.OWN}
