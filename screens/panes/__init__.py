"""The five panes: each turns the readings of one kind of source into rows."""
