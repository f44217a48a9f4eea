"""One idea of what is unusual per file; `models.bank` runs them in order over a batch."""
