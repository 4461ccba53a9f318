"""Which trace a step belongs to, and its spans where they are exported.

Imports nothing of Holdfast.
"""
