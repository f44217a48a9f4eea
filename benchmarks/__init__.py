"""Speed, memory and quality, measured: each module is one `forewarn bench NAME`.

Speeds are ratios against a reference in the same run, for machines differ; nothing here runs in the test suite.
"""
