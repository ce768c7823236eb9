"""Simulation of a day or a year on the production engine, on a clock that moves only from event to event."""
