"""The channels: one module each, with what it sends, and what may be wrong with its settings.

To add one: a module with `CHANNEL`, a line in registry.py, its settings, and a row in
docs/alerts.md.
"""
