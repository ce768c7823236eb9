"""What the web adapter counts for /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WebMeasures:
    """Requests by route and status, how long they took, and the live feed's connections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "callcenter_http_requests", "Requests answered", ("method", "route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "callcenter_http_request_seconds",
            "Time from a request to its answer",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
            registry=registry,
        )
        self.live_connections = Gauge(
            "callcenter_live_connections", "Open connections of the live feed", registry=registry
        )
        self.live_closed = Counter(
            "callcenter_live_closed", "Live feeds ended by the server, by close code", ("code",), registry=registry
        )
