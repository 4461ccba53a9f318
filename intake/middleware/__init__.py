"""What every request passes before a page or an endpoint sees it.

May import `api.problems`, `keys` and `rate_limits`.
"""
