"""Render's REST API, version 1: https://api-docs.render.com/reference/introduction."""
