"""Where the boxes of a picture stand: layer by layer from the start, with few crossings, in the manner of Sugiyama.

Sugiyama, Tagawa, Toda: Methods for visual understanding of hierarchical system structures (1981). Ways that lead back
are turned round for the layers, long ways pass through empty places, each layer is sorted by the middle of its
neighbours, and boxes are drawn towards them. The same flow gives the same picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SWEEPS: Final = 12
BETWEEN_BOXES: Final = 28.0
EMPTY_WIDTH: Final = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The middle of a box across, and its layer, 0 at the top."""

    x: float
    layer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where each box stands; for each way, the places it passes through, from its beginning to its end."""

    boxes: Mapping[str, Placed]
    bends: Mapping[tuple[str, str], tuple[Placed, ...]]
    width: float
    layers: int


def lay_out(widths: Mapping[str, float], ways: Sequence[tuple[str, str]], start: str) -> Layout:
    """Places for boxes of these widths, joined by these ways; a way to itself needs no place."""
    ways = [way for way in dict.fromkeys(ways) if way[0] != way[1]]
    forward = _without_circles(list(widths), ways, start)
    layer_of = _layers(list(widths), forward, start)
    grid, chains = _with_empty_places(list(widths), forward, layer_of)
    neighbours = _neighbours(chains)
    _sort(grid, neighbours)
    x = _across(grid, neighbours, {**{place: EMPTY_WIDTH for layer in grid for place in layer}, **widths})
    placed = {place: Placed(x=x[place], layer=index) for index, layer in enumerate(grid) for place in layer}
    bends = {}
    for way, (turned, chain) in chains.items():
        places = tuple(placed[place] for place in chain)
        bends[way] = tuple(reversed(places)) if turned else places
    right = max((x[name] + width / 2 for name, width in widths.items()), default=0)
    return Layout(boxes={name: placed[name] for name in widths}, bends=bends, width=right, layers=len(grid))


def _without_circles(
    names: Sequence[str], ways: Sequence[tuple[str, str]], start: str
) -> dict[tuple[str, str], tuple[str, str]]:
    """Each way as it counts for the layers: turned round where it leads back to a box it came from."""
    leads: dict[str, list[str]] = {name: [] for name in names}
    for one, other in ways:
        leads[one].append(other)
    found: dict[tuple[str, str], tuple[str, str]] = {}
    done: set[str] = set()
    for first in (start, *names):
        if first in done:
            continue
        path, on_path = [(first, iter(leads[first]))], {first}
        while path:
            here, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                on_path.discard(here)
                done.add(here)
                continue
            found[here, following] = (following, here) if following in on_path else (here, following)
            if following not in done and following not in on_path:
                path.append((following, iter(leads[following])))
                on_path.add(following)
    return {way: found[way] for way in ways}


def _layers(names: Sequence[str], forward: Mapping[tuple[str, str], tuple[str, str]], start: str) -> dict[str, int]:
    """Each box below all that lead to it."""
    below: dict[str, set[str]] = {name: set() for name in names}
    above: dict[str, set[str]] = {name: set() for name in names}
    for one, other in forward.values():
        below[one].add(other)
        above[other].add(one)
    layer_of: dict[str, int] = {}
    free = [name for name in names if not above[name]]
    waiting = {name: len(above[name]) for name in names}
    while free:
        here = free.pop(0)
        layer_of[here] = max((layer_of[name] + 1 for name in above[here]), default=0 if here == start else 1)
        for name in sorted(below[here], key=list(names).index):
            waiting[name] -= 1
            if waiting[name] == 0:
                free.append(name)
    least = min(layer_of.values(), default=0)
    return {name: layer - least for name, layer in layer_of.items()}


_Chains = dict[tuple[str, str], tuple[bool, list[str]]]


def _with_empty_places(
    names: Sequence[str], forward: Mapping[tuple[str, str], tuple[str, str]], layer_of: Mapping[str, int]
) -> tuple[list[list[str]], _Chains]:
    grid: list[list[str]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for name in names:
        grid[layer_of[name]].append(name)
    chains: _Chains = {}
    for way, (upper, lower) in forward.items():
        chain = [upper]
        for layer in range(layer_of[upper] + 1, layer_of[lower]):
            place = f"{way[0]} {way[1]} {layer}"  # Names of boxes have no spaces.
            grid[layer].append(place)
            chain.append(place)
        chain.append(lower)
        chains[way] = (way != (upper, lower), chain)
    return grid, chains


def _neighbours(chains: _Chains) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for _, chain in chains.values():
        for upper, lower in itertools.pairwise(chain):
            below.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)
    return above, below


def _sort(grid: list[list[str]], neighbours: tuple[dict[str, list[str]], dict[str, list[str]]]) -> None:
    best, fewest = [list(layer) for layer in grid], _crossings(grid, neighbours[1])
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        near = neighbours[0] if downwards else neighbours[1]
        for index in range(len(grid)) if downwards else range(len(grid) - 1, -1, -1):
            beside = index - 1 if downwards else index + 1
            if not 0 <= beside < len(grid):
                continue
            place_of = {name: place for place, name in enumerate(grid[beside])}
            middle = {
                name: sum(place_of[other] for other in near[name]) / len(near[name]) if near.get(name) else float(own)
                for own, name in enumerate(grid[index])
            }
            grid[index].sort(key=middle.__getitem__)
        crossings = _crossings(grid, neighbours[1])
        if crossings < fewest:
            best, fewest = [list(layer) for layer in grid], crossings
    grid[:] = best


def _crossings(grid: Sequence[Sequence[str]], below: Mapping[str, Sequence[str]]) -> int:
    crossings = 0
    for upper, lower in itertools.pairwise(grid):
        place_of = {name: place for place, name in enumerate(lower)}
        ends = [place_of[other] for name in upper for other in sorted(below.get(name, ()), key=place_of.__getitem__)]
        crossings += sum(1 for i, one in enumerate(ends) for other in ends[i + 1 :] if other < one)
    return crossings


def _across(
    grid: Sequence[Sequence[str]],
    neighbours: tuple[dict[str, list[str]], dict[str, list[str]]],
    widths: Mapping[str, float],
) -> dict[str, float]:
    x: dict[str, float] = {}
    for layer in grid:
        right = 0.0
        for name in layer:
            x[name] = right + widths[name] / 2
            right += widths[name] + BETWEEN_BOXES
    for sweep in range(SWEEPS):
        near = neighbours[sweep % 2]
        for layer in grid if sweep % 2 == 0 else reversed(grid):
            wanted = {
                name: sum(x[other] for other in near[name]) / len(near[name]) if near.get(name) else x[name]
                for name in layer
            }
            _settle(layer, wanted, widths, x)
    left = min((x[name] - widths[name] / 2 for layer in grid for name in layer), default=0.0)
    return {name: place - left for name, place in x.items()}


def _settle(
    layer: Sequence[str], wanted: Mapping[str, float], widths: Mapping[str, float], x: dict[str, float]
) -> None:
    """Put a layer as near to where it wants to be as its order allows: the middle of pushing right and pushing left."""
    pushed_right: list[float] = []
    for index, name in enumerate(layer):
        least = pushed_right[-1] + _apart(layer[index - 1], name, widths) if index else wanted[name]
        pushed_right.append(max(wanted[name], least))
    pushed_left = 0.0
    for index in range(len(layer) - 1, -1, -1):
        name = layer[index]
        most = pushed_left - _apart(name, layer[index + 1], widths) if index + 1 < len(layer) else wanted[name]
        pushed_left = min(wanted[name], most)
        x[name] = (pushed_right[index] + pushed_left) / 2


def _apart(left: str, right: str, widths: Mapping[str, float]) -> float:
    return widths[left] / 2 + BETWEEN_BOXES + widths[right] / 2
