"""Staff in the admin: the rights they may grant, their second factor, read-only pages.

May import `models` and `events`.
"""
