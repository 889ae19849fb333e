"""A symbolic-to-numeric derivation engine: formula, derivation and kernel from one record."""
