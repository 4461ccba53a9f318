"""Make dead letters of the messages in the DLQs, and of events that the spool cannot send.

May import `monitoring`, `letters`, `groups` and `models`.
"""
