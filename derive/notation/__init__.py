"""Formulas as people write them: text in, text, Unicode and LaTeX out."""
