"""Render, played on this machine as far as the cockpit uses it: https://api-docs.render.com/reference."""
