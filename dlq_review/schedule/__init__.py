"""Standing policies that redrive by themselves: probe, begin a run, watch, steer.

May import `operations`, `search`, `alerts`, `models`, `permissions` and `errors`.
"""
