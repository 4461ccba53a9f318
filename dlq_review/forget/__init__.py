"""Forget one person: find all that is held on an address, export it, erase it.

May import `retention`, `letters`, `models` and what they may.
"""
