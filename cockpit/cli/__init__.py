"""The headless commands: the same engine and the same guards, without a screen."""
