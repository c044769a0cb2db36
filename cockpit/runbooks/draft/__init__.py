"""A runbook -> a first profile: what its commands, tables and lists name, with the line it comes from."""
