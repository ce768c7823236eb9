"""What can go wrong with a simulation.

SimulateError
├── ScenarioError   the scenario file cannot be used; one line for each complaint
└── PlotError       no picture can be drawn here
"""


class SimulateError(Exception):
    """A simulation cannot be made; `lines` has one complaint each."""

    code = "simulate"

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class ScenarioError(SimulateError):
    """The scenario file cannot be used."""

    code = "scenario"


class PlotError(SimulateError):
    """No picture can be drawn here."""

    code = "plot"
