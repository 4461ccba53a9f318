"""Make dead letters of what is in the DLQs, and of what the spool cannot send.

May import `monitoring`, `letters`, `groups` and `models`.
"""
