"""Files that a machine keeps for itself.

Imports no other package of `processing`.
"""
