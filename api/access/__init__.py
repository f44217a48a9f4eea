"""Who may come in: users, API tokens and console sessions, kept in the SQL database.

It decides nothing about HTTP requests: that is `api/guard.py`.
"""
