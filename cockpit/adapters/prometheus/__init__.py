"""A Prometheus server, or one of those that answer like it, over its HTTP API."""
