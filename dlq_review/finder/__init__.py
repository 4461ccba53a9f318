"""Find any request by one of its names, and tell its story from accept to outcome.

`lookup` finds requests, `story` tells one. Both read by index only. May import letters,
search and below, and the rows of processing.
"""
