"""The only place that imports vendor libraries, each at its first use. Adapters do not know each other."""
