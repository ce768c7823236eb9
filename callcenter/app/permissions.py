"""Who may do what: one table of roles and actions. Every route and every feed topic names its action."""

from collections.abc import Mapping
from enum import StrEnum

from callcenter.domain.errors import CallcenterError
from callcenter.domain.labels import Label


class Forbidden(CallcenterError):
    """Signed in, but not allowed to do this."""

    code = "forbidden"


class Role(StrEnum):
    """What a user is; a visitor is nobody signed in."""

    VISITOR = "visitor"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


_NAMES: Mapping[Role, Label] = {
    Role.VISITOR: Label(zh="未登录者", en="visitors"),
    Role.AGENT: Label(zh="坐席", en="agents"),
    Role.SUPERVISOR: Label(zh="班长", en="supervisors"),
    Role.ADMINISTRATOR: Label(zh="管理员", en="administrators"),
}


class Grant(StrEnum):
    """How far a permission reaches: `own` is the user's own desk and interactions, and needs him to be an agent."""

    OWN = "own"
    ANY = "any"


class Action(StrEnum):
    """Everything one can do here."""

    READ_PAGES = "read_pages"
    READ_HEALTH = "read_health"
    READ_API_DESCRIPTION = "read_api_description"
    READ_DEMO = "read_demo"
    SIGN_IN = "sign_in"
    READ_SESSION = "read_session"
    SIGN_OUT = "sign_out"
    READ_DESK = "read_desk"
    SET_STATE = "set_state"
    TRANSFER_CALLS = "transfer_calls"
    CALL_OUT = "call_out"
    CALL_DESPITE_REFUSAL = "call_despite_refusal"
    CALL_COLLEAGUES = "call_colleagues"
    AGREE_CALLBACKS = "agree_callbacks"
    SET_PHONE = "set_phone"
    READ_PHONE_ACCOUNT = "read_phone_account"
    READ_CODES = "read_codes"
    READ_INTERACTION = "read_interaction"
    LIST_INTERACTIONS = "list_interactions"
    ANNOTATE_INTERACTION = "annotate_interaction"
    READ_CUSTOMER = "read_customer"
    WRITE_CUSTOMER = "write_customer"
    MERGE_CUSTOMERS = "merge_customers"
    TELL_APART = "tell_apart"
    WRITE_PINS = "write_pins"
    READ_SALES = "read_sales"
    WRITE_SALES = "write_sales"
    READ_CASES = "read_cases"
    WRITE_CASES = "write_cases"
    READ_WORK = "read_work"
    READ_MESSAGES = "read_messages"
    HEAR_MESSAGES = "hear_messages"
    WORK_MESSAGES = "work_messages"
    ANSWER_MESSAGES = "answer_messages"
    READ_CUSTOMER_LISTS = "read_customer_lists"
    WRITE_CUSTOMER_LISTS = "write_customer_lists"
    READ_QUEUES = "read_queues"
    READ_AGENTS = "read_agents"
    READ_AGENT_NAMES = "read_agent_names"
    READ_WAITING = "read_waiting"
    DIRECT_WAITING = "direct_waiting"
    FORCE_STATE = "force_state"
    READ_MONITORING = "read_monitoring"
    MONITOR_TALKS = "monitor_talks"
    WRITE_NOTICES = "write_notices"
    READ_NOTICES = "read_notices"
    CLOSE_QUEUES = "close_queues"
    READ_CONFIGURATION = "read_configuration"
    WRITE_CONFIGURATION = "write_configuration"
    READ_USERS = "read_users"
    WRITE_USERS = "write_users"
    READ_AUDIT = "read_audit"
    READ_TRUNKS = "read_trunks"
    READ_PHONE_ACCOUNTS = "read_phone_accounts"
    READ_FLOWS = "read_flows"
    WRITE_FLOWS = "write_flows"
    READ_PROMPTS = "read_prompts"
    WRITE_PROMPTS = "write_prompts"
    READ_SURVEYS = "read_surveys"
    READ_IMPORTS = "read_imports"
    WRITE_IMPORTS = "write_imports"
    EXPORT_RECORDS = "export_records"
    READ_MANAGEMENT = "read_management"
    RUN_VALUES = "run_values"
    WRITE_VALUE_RULES = "write_value_rules"
    READ_SEGMENTS = "read_segments"
    WRITE_SEGMENTS = "write_segments"
    READ_HOOKS = "read_hooks"
    WRITE_HOOKS = "write_hooks"
    READ_ACCESS_LOG = "read_access_log"
    READ_CUSTOMER_ACCESSES = "read_customer_accesses"
    EXPORT_PERSON = "export_person"
    ERASE_PERSON = "erase_person"
    READ_ALERTS = "read_alerts"
    ACKNOWLEDGE_ALERTS = "acknowledge_alerts"
    DISMISS_REMINDERS = "dismiss_reminders"
    READ_PREFERENCES = "read_preferences"
    WRITE_PREFERENCES = "write_preferences"
    KEEP_WALLS = "keep_walls"
    READ_WALL = "read_wall"
    CONNECT_FEED = "connect_feed"
    FOLLOW_DESK = "follow_desk"
    FOLLOW_QUEUES = "follow_queues"
    FOLLOW_AGENTS = "follow_agents"
    FOLLOW_WAITING = "follow_waiting"
    FOLLOW_MONITORING = "follow_monitoring"
    FOLLOW_ALERTS = "follow_alerts"


_EVERYONE: Mapping[Role, Grant] = dict.fromkeys(Role, Grant.ANY)
_SIGNED_IN: Mapping[Role, Grant] = {role: Grant.ANY for role in Role if role is not Role.VISITOR}
_OWN_DESK: Mapping[Role, Grant] = {role: Grant.OWN for role in Role if role is not Role.VISITOR}
"""Supervisors and administrators who also take calls have an agent of their own."""
_OVERSIGHT: Mapping[Role, Grant] = {Role.SUPERVISOR: Grant.ANY, Role.ADMINISTRATOR: Grant.ANY}

PERMISSIONS: Mapping[Action, Mapping[Role, Grant]] = {
    Action.READ_PAGES: _EVERYONE,
    Action.READ_HEALTH: _EVERYONE,
    Action.READ_API_DESCRIPTION: _EVERYONE,
    Action.READ_DEMO: _EVERYONE,
    Action.SIGN_IN: _EVERYONE,
    Action.READ_SESSION: _SIGNED_IN,
    Action.SIGN_OUT: _SIGNED_IN,
    Action.READ_DESK: _OWN_DESK,
    Action.SET_STATE: _OWN_DESK,
    # Only the caller one talks with oneself.
    Action.TRANSFER_CALLS: _OWN_DESK,
    Action.CALL_OUT: _OWN_DESK,
    # A customer who must not be called, for example because he has asked for this very call.
    Action.CALL_DESPITE_REFUSAL: {Role.SUPERVISOR: Grant.OWN, Role.ADMINISTRATOR: Grant.OWN},
    # Whoever has a phone here, and sees therefore who of the house is there.
    Action.CALL_COLLEAGUES: _OWN_DESK,
    # An agent lists, moves and withdraws his own; a customer's he sees whoever agreed them.
    Action.AGREE_CALLBACKS: {Role.AGENT: Grant.OWN, **_OVERSIGHT},
    Action.SET_PHONE: _OWN_DESK,
    Action.READ_PHONE_ACCOUNT: _OWN_DESK,
    Action.READ_CODES: _SIGNED_IN,
    # An agent reads a customer's whole history, whoever wrote it: that is what the card is for.
    Action.READ_INTERACTION: _SIGNED_IN,
    # Without a customer named, an agent lists his own alone.
    Action.LIST_INTERACTIONS: {Role.AGENT: Grant.OWN, **_OVERSIGHT},
    Action.ANNOTATE_INTERACTION: {Role.AGENT: Grant.OWN, **_OVERSIGHT},
    Action.READ_CUSTOMER: _SIGNED_IN,
    Action.WRITE_CUSTOMER: _SIGNED_IN,
    Action.MERGE_CUSTOMERS: _OVERSIGHT,
    Action.TELL_APART: _SIGNED_IN,
    # Agents give customers numbers; who may change what proves who somebody is, is another matter.
    Action.WRITE_PINS: _OVERSIGHT,
    Action.READ_SALES: _SIGNED_IN,
    Action.WRITE_SALES: _SIGNED_IN,
    Action.READ_CASES: _SIGNED_IN,
    Action.WRITE_CASES: _SIGNED_IN,
    Action.READ_WORK: _OWN_DESK,
    # An agent reads, hears and works those of the queues he may serve; to take one in hand one must be an agent.
    Action.READ_MESSAGES: {Role.AGENT: Grant.OWN, **_OVERSIGHT},
    Action.HEAR_MESSAGES: {Role.AGENT: Grant.OWN, **_OVERSIGHT},
    Action.WORK_MESSAGES: {Role.AGENT: Grant.OWN, **_OVERSIGHT},
    Action.ANSWER_MESSAGES: _OWN_DESK,
    Action.READ_CUSTOMER_LISTS: _SIGNED_IN,
    # What customers and cases may hold: own fields, reasons of complaints, remedies, service targets.
    Action.WRITE_CUSTOMER_LISTS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_QUEUES: _SIGNED_IN,
    Action.READ_AGENTS: _OVERSIGHT,
    # Whose a case, a task or a customer is; what those people do just now is another matter.
    Action.READ_AGENT_NAMES: _SIGNED_IN,
    Action.READ_WAITING: _OVERSIGHT,
    Action.DIRECT_WAITING: _OVERSIGHT,
    Action.FORCE_STATE: _OVERSIGHT,
    Action.READ_MONITORING: _OVERSIGHT,
    # Listening, whispering, speaking with both, taking over; each may change and end his own alone.
    Action.MONITOR_TALKS: _OVERSIGHT,
    Action.WRITE_NOTICES: _OVERSIGHT,
    # What is on one's own desk.
    Action.READ_NOTICES: _OWN_DESK,
    Action.CLOSE_QUEUES: _OVERSIGHT,
    Action.READ_CONFIGURATION: _OVERSIGHT,
    Action.WRITE_CONFIGURATION: {Role.ADMINISTRATOR: Grant.ANY},
    # Who may sign in, with secrets of phones; and what everybody did.
    Action.READ_USERS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.WRITE_USERS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_AUDIT: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_TRUNKS: _OVERSIGHT,
    Action.READ_PHONE_ACCOUNTS: _OVERSIGHT,
    # To check and to try a text changes nothing.
    Action.READ_FLOWS: _OVERSIGHT,
    Action.WRITE_FLOWS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_PROMPTS: _OVERSIGHT,
    Action.WRITE_PROMPTS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_SURVEYS: _OVERSIGHT,
    # Whole files of customers, in and out.
    Action.READ_IMPORTS: _OVERSIGHT,
    Action.WRITE_IMPORTS: _OVERSIGHT,
    Action.EXPORT_RECORDS: _OVERSIGHT,
    # What customers are worth, and the figures made of it.
    Action.READ_MANAGEMENT: _OVERSIGHT,
    Action.RUN_VALUES: _OVERSIGHT,
    Action.WRITE_VALUE_RULES: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_SEGMENTS: _OVERSIGHT,
    Action.WRITE_SEGMENTS: _OVERSIGHT,
    # A web hook carries what happens to customers out of the house.
    Action.READ_HOOKS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.WRITE_HOOKS: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_ACCESS_LOG: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_CUSTOMER_ACCESSES: _OVERSIGHT,
    # All of one person, out of the house or for good out of the world.
    Action.EXPORT_PERSON: {Role.ADMINISTRATOR: Grant.ANY},
    Action.ERASE_PERSON: {Role.ADMINISTRATOR: Grant.ANY},
    Action.READ_ALERTS: _OVERSIGHT,
    Action.ACKNOWLEDGE_ALERTS: _OVERSIGHT,
    Action.DISMISS_REMINDERS: _OWN_DESK,
    # How one wants one's own pages.
    Action.READ_PREFERENCES: _SIGNED_IN,
    Action.WRITE_PREFERENCES: _SIGNED_IN,
    Action.KEEP_WALLS: _OVERSIGHT,
    # The token of a link is looked at by the route itself: it is no session.
    Action.READ_WALL: _EVERYONE,
    Action.CONNECT_FEED: _SIGNED_IN,
    Action.FOLLOW_DESK: _OWN_DESK,
    Action.FOLLOW_QUEUES: _SIGNED_IN,
    Action.FOLLOW_AGENTS: _OVERSIGHT,
    Action.FOLLOW_WAITING: _OVERSIGHT,
    Action.FOLLOW_MONITORING: _OVERSIGHT,
    Action.FOLLOW_ALERTS: _OVERSIGHT,
}


def grant_of(role: Role, action: Action) -> Grant | None:
    """How far `role` may do `action`; None when not at all."""
    return PERMISSIONS[action].get(role)


def require(role: Role, action: Action) -> Grant:
    """The grant, or `Forbidden` saying who may."""
    grant = grant_of(role, action)
    if grant is None:
        allowed = sorted(PERMISSIONS[action])
        raise Forbidden(
            f"the role {role} may not {action.replace('_', ' ')}; these may: {', '.join(allowed)}",
            said=Label(
                zh=f"可以这样做的角色：{'、'.join(_NAMES[one].zh for one in allowed)}。",
                en=f"These roles may: {', '.join(_NAMES[one].en for one in allowed)}.",
            ),
        )
    return grant
