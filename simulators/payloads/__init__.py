"""What devices really send: one encoder a format, each written from its specification, never from a decoder here."""
