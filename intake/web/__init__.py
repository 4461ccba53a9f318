"""The web server: granian speaks HTTP, and threads run the WSGI application.

Imports no other package of `intake`.
"""
