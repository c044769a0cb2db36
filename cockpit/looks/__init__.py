"""Questions that change nothing, one module a pane, and the commands of runbooks that they stand in for."""
