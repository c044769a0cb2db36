"""A container engine in memory that speaks Docker's Engine API: for the demo, and for tests without a real one."""
