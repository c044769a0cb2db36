"""Markdown text -> blocks, sections, playbooks with their steps, and the facts of tables and lists."""
