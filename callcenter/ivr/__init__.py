"""The IVR: what a caller hears and may press, as a flow; pure, without clock, sound or telephone."""
