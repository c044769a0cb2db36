"""Log files and commands of this machine."""
