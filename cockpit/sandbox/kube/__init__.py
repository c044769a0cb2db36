"""Plays a Kubernetes cluster: its API in memory, its controllers, its nodes."""
