"""The middleware of the front door.

May import `api.problems`, `keys` and `rate_limits`.
"""
