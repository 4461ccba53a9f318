"""WSGI middleware between the web server and Django.

Imports no other package of `intake`.
"""
