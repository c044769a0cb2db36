"""Everything Textual: the app, its panes and dialogs, the terminal driver, and the `cockpit` entry point."""
