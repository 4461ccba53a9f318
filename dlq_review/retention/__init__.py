"""How long each table keeps its rows, and the purge of what is older.

`tables.RULES` names every table. May import `letters`, `models` and what they may.
"""
