"""Send dead letters back: the sender, its undo window, the queues it may send to.

May import `letters`, `models` and `errors`.
"""
