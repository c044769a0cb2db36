"""Actions on Kubernetes workloads, services, configuration and nodes."""
