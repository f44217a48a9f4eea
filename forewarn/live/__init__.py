"""The running service: its three stages with a log between them, what watches over them, and what they hold.

Start reading at `pipeline`; `service` puts it together. Only `engine` judges.
"""
