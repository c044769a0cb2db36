"""Code blocks of a runbook -> commands with their calls: shell, SQL, HTTP requests, Redis commands, crontab lines."""
