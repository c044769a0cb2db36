"""GitHub's REST API as far as the cockpit uses it, played on this machine with one repository that lives."""
