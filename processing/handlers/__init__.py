"""The business rules: a handler turns an event into an effect.

May import `events` and `models`; knows neither SQS nor Celery.
"""
