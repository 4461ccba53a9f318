"""People who enter the admin: what they may give, their second factor, read-only pages.

May import `models` and `events`.
"""
