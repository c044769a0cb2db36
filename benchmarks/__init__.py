"""Measures the cockpit in a real pseudo-terminal over real servers: `python -m benchmarks` prints JSON."""
