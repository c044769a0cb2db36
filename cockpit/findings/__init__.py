"""Deterministic rules that turn readings into sentences with evidence and a suggested action."""
