"""Actions on what runs at Render."""
