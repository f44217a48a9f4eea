"""Policies: what becomes an alert, how severe, when it ends, and what it says; one for each kind.

Pure, on event time. Scores are numbers, a policy is what the user decided about them.
"""
