"""The text of a dead letter's body, without its row: masking, conditions, patches, differences.

May import `errors` and `processing.events`.
"""
