"""What stands around the panes: banner, timeline, tab strip, status bar, footer."""
