"""A flow as a picture: an SVG, or text for Mermaid; with how many callers took each way, if that is known."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from callcenter.ivr import nodes as n
from callcenter.ivr.flow import Exit, Flow, exits, prompts_of
from callcenter.ivr.layout import Placed, lay_out

Counts = Mapping[tuple[str, str], int]
"""How many callers went from one node to another."""

LAYER_HEIGHT: Final = 118.0
BOX_HEIGHT: Final = 46.0
MARGIN: Final = 24.0
LETTER: Final = 6.6
"""The width of a Latin letter of 12 points; a Chinese one takes two."""
LONGEST_LABEL: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Palette:
    """The colours of a picture; `nodes` are the ground and the line of each kind of box."""

    ground: str
    line: str
    text: str
    quiet: str
    nodes: Mapping[str, tuple[str, str]]


_LIGHT: Final = _Palette(
    ground="#fff",
    line="#52525b",
    text="#18181b",
    quiet="#71717a",
    nodes={
        "ask": ("#e8f1fd", "#2f6fbf"),
        "say": ("#f4f4f5", "#71717a"),
        "decide": ("#fef6e4", "#b7791f"),
        "look": ("#eefaf1", "#2f855a"),
        "last": ("#fdecec", "#c53030"),
        "flow": ("#f3ecfd", "#6b46c1"),
    },
)
_DARK: Final = _Palette(
    ground="#1a2225",
    line="#9fb0b5",
    text="#e6edee",
    quiet="#9fb0b5",
    nodes={
        "ask": ("#1b2d44", "#8dbaf0"),
        "say": ("#283236", "#b4c0c4"),
        "decide": ("#3a2e14", "#f0bd5e"),
        "look": ("#17352a", "#6fcf9c"),
        "last": ("#431f1d", "#ff8f86"),
        "flow": ("#2f2546", "#b9a3f0"),
    },
)


def flow_svg(flow: Flow, *, language: str = "en", counts: Counts | None = None, dark: bool = False) -> str:
    """The picture; ways to the rescue that every question has are left out, and told below."""
    palette = _DARK if dark else _LIGHT
    ways = _ways(flow)
    widths = {name: _box_width(node, language) for name, node in flow.nodes.items()}
    labelled = {way: _label(flow, way[0], taken, language) for way, taken in ways.items()}
    rooms = dict(widths)
    for (_, other), label in labelled.items():
        # What a way is called stands over the box it leads to.
        rooms[other] = max(rooms[other], _text_width(label))
    layout = lay_out(rooms, list(ways), flow.start)
    width = max(layout.width + 2 * MARGIN, 360)
    height = (layout.layers - 1) * LAYER_HEIGHT + BOX_HEIGHT + MARGIN * 3
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(flow.name)} {escape(flow.version)}</title>",
        # Of one size however wide the way is drawn, or it would cover the words beside it.
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" '
        'markerWidth="9" markerHeight="9" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{palette.line}"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="{palette.ground}"/>',
    ]
    labels: list[str] = []
    for one, other in ways:
        points = layout.bends.get((one, other)) or (layout.boxes[one],) * 2
        count = None if counts is None else counts.get((one, other), 0)
        line, label = _way(points, labelled[one, other], itself=one == other, count=count, palette=palette)
        parts.append(line)
        labels.append(label)
    parts += [
        _box(flow, node, layout.boxes[name], widths[name], language, palette) for name, node in flow.nodes.items()
    ]
    parts += labels
    parts.append(
        f'<text x="{MARGIN}" y="{height - 10:.0f}" fill="{palette.quiet}">'
        f"{escape(_footnote(flow, language))}</text></svg>"
    )
    return "\n".join(parts) + "\n"


def drawn_ways(flow: Flow) -> Collection[tuple[str, str]]:
    """The ways that the picture shows; callers may take others, as by giving up."""
    return _ways(flow).keys()


def flow_mermaid(flow: Flow, *, language: str = "en") -> str:
    """The same as text for Mermaid, which wikis and code hosts draw."""
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        lines.append(f'  {name}["{_mermaid(name)}<br/>{_mermaid(_about(node, language))}"]')
    for (one, other), taken in _ways(flow).items():
        label = _mermaid(_label(flow, one, taken, language))
        lines.append(f'  {one} -->|"{label}"| {other}' if label else f"  {one} --> {other}")
    return "\n".join(lines) + "\n"


def _mermaid(text: str) -> str:
    return "".join(sign if sign.isalnum() or sign in " _-.,:?!()" else f"#{ord(sign)};" for sign in text)


def _ways(flow: Flow) -> dict[tuple[str, str], list[Exit]]:
    """The ways between two nodes, together; the usual ones of giving up, and of 0, are not among them."""
    found: dict[tuple[str, str], list[Exit]] = {}
    for node in flow.nodes.values():
        for way in exits(node):
            field = way.path.rpartition(".")[2]
            if way.path in flow.lines or field not in ("give_up", "person", "missing", "failed"):
                found.setdefault((node.name, way.to), []).append(way)
    return found


def _label(flow: Flow, name: str, ways: list[Exit], language: str) -> str:
    node = flow.nodes[name]
    said = []
    for way in ways:
        if isinstance(node, n.MenuNode) and way.way in node.keys:
            label = node.keys[way.way].label
            said.append(f"{way.way} {label.zh if language == 'zh' else label.en}")
        elif isinstance(node, n.ConfirmNode) and way.way in (node.yes_key, node.no_key):
            yes, no = ("是", "否") if language == "zh" else ("yes", "no")
            said.append(f"{way.way} {yes if way.way == node.yes_key else no}")
        elif way.way != "next":
            said.append(way.way.replace("_", " "))
    text = " / ".join(said)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _about(node: n.Node, language: str) -> str:
    match node:
        case n.QueueNode() | n.CallbackNode() | n.VoicemailNode():
            return f"{_kind(node)} {node.queue}"
        case n.TransferNode():
            return f"transfer {node.agent or node.queue or node.number}"
        case n.CollectNode():
            hidden = (" (保密)" if language == "zh" else " (secret)") if node.secret else ""
            return f"collect {node.into}{hidden}"
        case n.LookupNode():
            return f"lookup {node.of}"
        case n.FlowNode():
            return f"flow {node.flow}"
        case n.HoursNode():
            return f"hours {node.hours_id or ''}".strip()
        case _:
            return _kind(node)


def _kind(node: n.Node) -> str:
    written = type(node).__name__.removesuffix("Node")
    return "".join(f"_{sign.lower()}" if sign.isupper() and at else sign.lower() for at, sign in enumerate(written))


def _colour(node: n.Node) -> str:
    match node:
        case n.LookupNode() | n.HttpNode():
            return "look"
        case n.BranchNode() | n.SetNode() | n.HoursNode() | n.SwitchLanguageNode():
            return "decide"
        case n.FlowNode() | n.ReturnNode():
            return "flow"
        case n.SayNode():
            return "say"
        case _ if isinstance(node, n.AskingNode):
            return "ask"
        case _:
            return "last"


def _text_width(text: str) -> float:
    return sum(2 * LETTER if unicodedata.east_asian_width(sign) in "WF" else LETTER for sign in text)


def _box_width(node: n.Node, language: str) -> float:
    return max(_text_width(node.name) * 1.1, _text_width(_about(node, language)), 70) + 22


def _at(place: Placed) -> tuple[float, float]:
    return place.x + MARGIN, place.layer * LAYER_HEIGHT + MARGIN + BOX_HEIGHT / 2


def _box(flow: Flow, node: n.Node, place: Placed, width: float, language: str, palette: _Palette) -> str:
    x, y = _at(place)
    fill, stroke = palette.nodes[_colour(node)]
    thick = 3 if node.name == flow.start else 1.2
    texts = flow.prompts.texts
    said = (texts[prompt][language].text for prompt, _ in prompts_of(node) if language in texts.get(prompt, {}))
    words = " ".join(said)
    return (
        f'<g class="node" data-node="{escape(node.name)}"><title>{escape(words or node.name)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" width="{width:.1f}" height="{BOX_HEIGHT:.0f}" '
        f'rx="8" fill="{fill}" stroke="{stroke}" stroke-width="{thick}"/>'
        f'<text x="{x:.1f}" y="{y - 4:.1f}" text-anchor="middle" font-weight="bold" '
        f'fill="{palette.text}">{escape(node.name)}</text>'
        f'<text x="{x:.1f}" y="{y + 13:.1f}" text-anchor="middle" fill="{stroke}">{escape(_about(node, language))}'
        "</text></g>"
    )


def _way(
    points: tuple[Placed, ...], label: str, *, itself: bool, count: int | None, palette: _Palette
) -> tuple[str, str]:
    places = [_at(point) for point in points]
    half = BOX_HEIGHT / 2
    if itself:
        x, y = places[0]
        d = f"M{x - 12:.1f} {y + half:.1f}c-10 34 34 34 24 0"
        beside = (x + 18, y + half + 26)
    else:
        down = places[-1][1] > places[0][1]
        side = half if down else -half
        # Ways up leave and arrive a little to the right, so that they do not lie on those down.
        shift = 0 if down else 14
        places[0] = (places[0][0] + shift, places[0][1] + side)
        places[-1] = (places[-1][0] + shift, places[-1][1] - side)
        d = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
        for (x0, y0), (x1, y1) in itertools.pairwise(places):
            middle = (y0 + y1) / 2
            d += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
        (x0, y0), (x1, y1) = places[0], places[1]
        beside = (x0 + (x1 - x0) * 0.87, y0 + (y1 - y0) * 0.72)
    shown = f"{label} · {count}" if label and count is not None else label or (str(count) if count is not None else "")
    thick = 1.2 if not count else min(1.2 + count**0.5 / 3, 6)
    line = f'<path d="{d}" fill="none" stroke="{palette.line}" stroke-width="{thick:.1f}" marker-end="url(#tip)"/>'
    text = (
        f'<text x="{beside[0]:.1f}" y="{beside[1] + 4:.1f}" text-anchor="middle" font-size="11" '
        f'fill="{palette.text}" stroke="{palette.ground}" stroke-width="3" paint-order="stroke">{escape(shown)}</text>'
        if shown
        else ""
    )
    return line, text


def _footnote(flow: Flow, language: str) -> str:
    persons = {node.asking.person for node in flow.nodes.values() if isinstance(node, n.AskingNode)} - {None}
    if language == "zh":
        told = f"未按键、多次按错或出现故障：{flow.rescue}"
        return told + (f"；按0转人工：{'、'.join(sorted(map(str, persons)))}" if persons else "")
    told = f"Given up, or in trouble: {flow.rescue}"
    return told + (f"; 0 for a person: {', '.join(sorted(map(str, persons)))}" if persons else "")
