"""Plays a Prometheus: samples in memory, and as much of PromQL as panels and runbooks use."""
