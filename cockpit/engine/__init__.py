"""The composition root: a profile becomes sources, hub, findings and executor."""
