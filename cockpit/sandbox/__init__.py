"""A small real shop with real servers and local control planes, for the demo, rehearsals and the tests."""
