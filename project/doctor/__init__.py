"""Look at a deployment from inside: `manage.py doctor`.

Every check only reads, and leaves nothing behind. None says a secret, and none waits longer
than the time limit of `examination`.
"""
