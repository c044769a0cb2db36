"""Docker Engine, or Podman's compatible socket: one client, and what reads and changes through it."""
