"""Repairs that a person is offered: named rules, each with its own test. None applies itself.

May import `bodies` and `processing.events`.
"""
