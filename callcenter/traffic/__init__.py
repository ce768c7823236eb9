"""Simulated callers and agents for the demo: real SIP calls by SIPp, so that a newcomer sees the floor live.

Law: when `Traffic.run` ends, however it ends, no process it started is left and its agents are signed out.
"""

from callcenter.traffic.run import Traffic, TrafficConfig

__all__ = ["Traffic", "TrafficConfig"]
