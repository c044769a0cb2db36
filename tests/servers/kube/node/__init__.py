"""The nodes of the test cluster: what cockpit.sandbox.kube.node plays, for a real API server."""
