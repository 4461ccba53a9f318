"""A deployment rehearsed from an empty folder, on an emulator of AWS that lets IAM decide.

`python -m tests.rehearsal`. Imports no code of the release that it deploys: it runs the
commands of the documents, and speaks HTTP and to AWS.
"""
