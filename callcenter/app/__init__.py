"""Use cases; the one task that owns the engines; the ports that adapters fill."""
