"""The team's runbook: read, understood, checked, drafted into a profile, and walked through."""
