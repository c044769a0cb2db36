"""A small system to practise and test on: real servers, a real shop, and local control planes on loopback."""
