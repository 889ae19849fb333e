"""Mathematics as people write it in LaTeX: read into the language, with the place in the text of everything."""
