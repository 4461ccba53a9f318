"""The pages of the triage desk.

May import every package of `dlq_review` but `pull` and `management`.
"""
