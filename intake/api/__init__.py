"""The JSON API: endpoints, batches, OpenAPI document, problem details.

May import `accept`, `keys` and what `accept` imports.
"""
