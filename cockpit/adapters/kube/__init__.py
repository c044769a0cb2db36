"""Kubernetes: one gateway for raw JSON, watches that keep what they saw, readings made from it."""
