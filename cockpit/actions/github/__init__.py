"""What may be done about deliveries at GitHub: runs of workflows, and pull requests."""
