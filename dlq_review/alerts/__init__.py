"""Tell people of new problems, and that they are over: an outbox, sent by each channel.

May import `models` and `errors`, and `processing.outbound`, which speaks to the receivers.
"""
