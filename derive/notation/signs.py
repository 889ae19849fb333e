"""Signs that text carries for whoever prints it."""

CHANGED = ("\ue000", "\ue001")  # around a part that changed: a terminal colours it, others drop the signs
