"""Derivations as people read them: which steps are told, and how they look on each kind of page."""
