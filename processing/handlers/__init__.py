"""The rules of the business: an event becomes an effect.

May import `events` and `models`; knows neither SQS nor Celery.
"""
