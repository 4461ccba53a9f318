"""Events: contracts, envelope, field types, what is personal in them, and JSON.

Imports no other package of `processing`.
"""
