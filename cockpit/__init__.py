"""The cockpit's engine: sources, readings, findings and guarded actions. It draws nothing and runs headless."""

__version__ = "0.1.0"
