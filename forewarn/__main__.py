"""`python -m forewarn`: the command by the interpreter that is to run it."""

from forewarn.cli import main

main()
