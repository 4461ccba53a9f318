"""What leaves Holdfast for receivers that a setting names: HTTP posts, and SNS.

May import `processing.sqs` and `processing.models`. Knows nothing of alerts.
"""
