"""Tells people about alerts when nobody watches a screen.

`policy` and `message` decide and word; `outbox` keeps what is to be told, written in the transaction that made it
necessary; `worker` sends it through `sender`, and again until it went out or its time is over.
"""
