"""The business's configuration written out: one YAML text with its explanations, in a stable order, without secrets.

Law: reading the text again gives the same configuration, and the same configuration gives the same text.
"""

import io
import re
from collections.abc import Callable, Mapping
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from callcenter.app.business import Business, Part
from callcenter.app.business_tables import (
    Table,
    Value,
    agent_table,
    alert_table,
    best_offer_table,
    connector_table,
    hours_table,
    label_table,
    number_table,
    queue_table,
    reason_table,
    retention_table,
    role_table,
)

HEAD: Final = """\
业务配置：技能、营业时间、队列、坐席、号码、原因、小结代码、告警。修改后执行 callcenter config apply 文件
What the business sets. Change it, then: callcenter config apply FILE (docs/operating.md).
A part that is left out stays as it is in the database. Secrets are not kept here:
passwords are set with `callcenter user password NAME`, phones' secrets with `callcenter phone secret AGENT`."""

IN_ONE_LINE: Final = frozenset({Part.SKILLS, Part.REASONS, Part.DISPOSITIONS})
ONE_BELOW_THE_OTHER: Final = frozenset({"steps", "week"})

_BEGINS_PLAINLY: Final = re.compile(r"\w")

EXPLAINED: Final[Mapping[Part, str]] = {
    Part.SKILLS: "\n技能 / Skills, with what people read.",
    Part.HOURS: "\n营业时间 / Opening hours. A special day stands above a closed one, that above the week.",
    Part.QUEUES: (
        "\n队列 / Queues. skills: the lowest level an agent must have, 1 (some) to 10 (expert); or steps.\n"
        "What is as usual is left out: docs/operating.md."
    ),
    Part.AGENTS: (
        "\n坐席 / Agents; the id is also the name of the SIP account. "
        "phone: left out, it is the agent's own choice.\n"
        "话机密码不在此处 / The account's secret is not here: callcenter phone secret AGENT"
    ),
    Part.NUMBERS: "\n号码 / Dialled numbers and the flows they lead to (files of flows.directory).",
    Part.REASONS: "\n未就绪原因 / Why an agent is not ready, and for how long, in the order in which they are offered.",
    Part.DISPOSITIONS: "\n小结代码 / Results of an interaction, in the order in which they are offered.",
    Part.ROLES: "\n角色 / Roles (agent, supervisor, administrator, hooks) that may not see numbers: docs/privacy.md.",
    Part.RETENTION: "\n保留期限 / How many days what is kept; else it is for good: docs/privacy.md.",
    Part.CONNECTORS: "\n外部系统 / Systems outside that know customers too: docs/connectors.md.",
    Part.BEST_OFFERS: "\n推荐 / Next best offers: what agents propose, to whom, how often: docs/customer-value.md.",
    Part.ALERTS: "\n告警 / Alerts: what is told to supervisors' boards and to web hooks, and when: docs/operating.md.",
}


def tables_of(business: Business, part: Part) -> dict[str, Table]:
    """The items of one part as plain tables, in the order in which they are written."""
    return _TABLES[part](business)


_TABLES: Final[Mapping[Part, Callable[[Business], dict[str, Table]]]] = {
    Part.SKILLS: lambda business: {key: label_table(label) for key, label in sorted(business.skills.items())},
    Part.HOURS: lambda business: {key: hours_table(hours) for key, hours in sorted(business.hours.items())},
    Part.QUEUES: lambda business: {key: queue_table(queue) for key, queue in sorted(business.queues.items())},
    Part.AGENTS: lambda business: {key: agent_table(agent) for key, agent in sorted(business.agents.items())},
    Part.NUMBERS: lambda business: {key: number_table(route) for key, route in sorted(business.numbers.items())},
    Part.REASONS: lambda business: {code: reason_table(reason) for code, reason in business.reasons.items()},
    Part.DISPOSITIONS: lambda business: {
        code: label_table(entry.label) for code, entry in business.dispositions.items()
    },
    Part.ALERTS: lambda business: {key: alert_table(rule) for key, rule in sorted(business.alerts.items())},
    Part.ROLES: lambda business: {key: role_table(rule) for key, rule in sorted(business.roles.items())},
    Part.RETENTION: lambda business: {key: retention_table(rule) for key, rule in sorted(business.retention.items())},
    Part.CONNECTORS: lambda business: {key: connector_table(rule) for key, rule in sorted(business.connectors.items())},
    Part.BEST_OFFERS: lambda business: {
        key: best_offer_table(offer) for key, offer in sorted(business.best_offers.items())
    },
}


def write_business(business: Business) -> str:
    """The whole configuration as YAML."""
    root = CommentedMap()
    for part in Part:
        items = tables_of(business, part)
        is_line = part in IN_ONE_LINE
        root[part.value] = {key: _flow(table) if is_line else _item(table) for key, table in items.items()}
        root.yaml_set_comment_before_after_key(part.value, before=EXPLAINED[part])
    root.yaml_set_start_comment(HEAD)
    yaml = YAML()
    yaml.width = 1_000_000
    yaml.allow_unicode = True
    yaml.default_flow_style = False
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _item(table: Table) -> CommentedMap:
    """A field a line; the steps of a queue and the days of a week one below the other."""
    return CommentedMap(
        {
            name: _item(value)
            if name in ONE_BELOW_THE_OTHER and isinstance(value, dict)
            else [_flow(line) for line in value]
            if name in ONE_BELOW_THE_OTHER and isinstance(value, list)
            else _flow(value)
            for name, value in table.items()
        }
    )


def _flow(value: Value) -> object:
    """All of it in one line, in braces and brackets."""
    match value:
        case dict():
            table = CommentedMap({name: _flow(inner) for name, inner in value.items()})
            table.fa.set_flow_style()
            return table
        case list():
            items = CommentedSeq([_flow(inner) for inner in value])
            items.fa.set_flow_style()
            return items
        case str() if not _BEGINS_PLAINLY.match(value):
            return DoubleQuotedScalarString(value)  # Whoever writes '?0' plainly cannot read it again.
        case _:
            return value
