"""The business's configuration written out: one YAML text with its explanations, in a stable order, without secrets.

Law: reading the text again gives the same configuration, and the same configuration gives the same text.
"""

import io
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from callcenter.app.business import Business, Part
from callcenter.domain.agents import AgentConfig, Phone
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig

HEAD: Final = """\
业务配置：队列、技能、坐席、号码、原因、小结代码。修改后执行 callcenter config apply 文件
What the business sets. Change it, then: callcenter config apply FILE (docs/operating.md).
A part that is left out stays as it is in the database. Secrets are not kept here:
passwords are set with `callcenter user password NAME`, phones' secrets with `callcenter phone secret AGENT`."""

EXPLAINED: Final[Mapping[Part, str]] = {
    Part.SKILLS: "\n技能 / Skills, with what people read.",
    Part.QUEUES: "\n队列 / Queues. skills: the lowest level an agent must have, 1 (some) to 10 (expert).",
    Part.AGENTS: (
        "\n坐席 / Agents; the id is also the name of the SIP account. "
        "phone: left out, it is the agent's own choice.\n"
        "话机密码不在此处 / The account's secret is not here: callcenter phone secret AGENT"
    ),
    Part.NUMBERS: "\n号码 / Dialled numbers and the flows they lead to (files of flows.directory).",
    Part.REASONS: "\n未就绪原因 / Why an agent is not ready, in the order in which they are offered.",
    Part.DISPOSITIONS: "\n小结代码 / Results of an interaction, in the order in which they are offered.",
}

_Table = dict[str, object]


def write_business(business: Business) -> str:
    """The whole configuration as YAML."""
    root = CommentedMap()
    root[Part.SKILLS.value] = {key: _label(label) for key, label in sorted(business.skills.items())}
    root[Part.QUEUES.value] = {key: _queue(queue) for key, queue in sorted(business.queues.items())}
    root[Part.AGENTS.value] = {key: _agent(agent) for key, agent in sorted(business.agents.items())}
    root[Part.NUMBERS.value] = {
        key: {"flow": route.flow, "label": _label(route.label)} for key, route in sorted(business.numbers.items())
    }
    root[Part.REASONS.value] = {code: _label(entry.label) for code, entry in business.reasons.items()}
    root[Part.DISPOSITIONS.value] = {code: _label(entry.label) for code, entry in business.dispositions.items()}
    for part, explained in EXPLAINED.items():
        root.yaml_set_comment_before_after_key(part.value, before=explained)
    root.yaml_set_start_comment(HEAD)
    yaml = YAML()
    yaml.width = 4_096
    yaml.allow_unicode = True
    yaml.default_flow_style = False
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _flow(values: Mapping[str, object]) -> CommentedMap:
    """A table in one line, in braces."""
    table = CommentedMap(values)
    table.fa.set_flow_style()
    return table


def _label(label: Label) -> CommentedMap:
    return _flow({"zh": label.zh, "en": label.en})


def _queue(queue: QueueConfig) -> _Table:
    return {
        "label": _label(queue.label),
        "skills": _flow({need.skill: need.minimum_level for need in queue.required}),
        "ring_timeout_seconds": _seconds(queue.ring_timeout),
        "wrap_up_seconds": _seconds(queue.wrap_up),
        "service_level_threshold_seconds": _seconds(queue.service_level_threshold),
        "expected_handle_time_seconds": _seconds(queue.expected_handle_time),
        "announce_first_after_seconds": _seconds(queue.announce_first_after),
        "announce_interval_seconds": _seconds(queue.announce_interval),
        "music_class": queue.music_class,
    }


def _agent(agent: AgentConfig) -> _Table:
    table: _Table = {"name": agent.name, "skills": _flow(dict(sorted(agent.skills.items())))}
    if agent.phone != Phone():
        table["phone"] = _phone(agent.phone)
    return table


def _phone(phone: Phone) -> CommentedMap:
    address = {} if phone.address is None else {"address": phone.address}
    return _flow({"kind": phone.kind.value, **address})


def _seconds(duration: timedelta) -> int | float:
    seconds = round(duration.total_seconds(), 3)
    return int(seconds) if seconds.is_integer() else seconds
