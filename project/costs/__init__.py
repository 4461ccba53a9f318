"""What a month costs: counters of this installation, figures of the benchmark, list prices.

`prices` and `measured` hold figures and their sources; `rows` counts in the database; `estimate`
turns these into lines of a bill, with no database and no settings.
"""
