"""API keys of producers: identifying callers, and the keys that a web process knows.

May import `models`.
"""
