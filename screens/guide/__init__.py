"""The runbook beside the panes: its playbooks, one of them step by step, and the question whether it is accepted."""
