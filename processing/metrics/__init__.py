"""What is counted, and how it is shown: as Prometheus text, and to CloudWatch.

May import `sqs`, `events` and `board`.
"""
