"""Actions on the containers of a Compose project."""
