"""Events: contracts, envelope, field types, personal data, and JSON.

Imports no other package of `processing`.
"""
