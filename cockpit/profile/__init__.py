"""The typed configuration: what a profile may say, where its secrets come from, how its mistakes are told."""
