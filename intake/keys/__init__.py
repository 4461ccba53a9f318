"""API keys of producers: who calls, and what a web process knows of them.

May import `models`.
"""
