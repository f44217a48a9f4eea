"""Keeps readings and scores: in the embedded store or in an InfluxDB, behind one protocol.

It keeps what it is given and never judges it. Alerts, orders and users are kept elsewhere, in the database.
"""
