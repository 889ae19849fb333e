"""Elementary functions as straight code: no table, no branch, no call, so that loops over them are vectorised.

Each is written once, in a small vocabulary (`arithmetic`) that LLVM, C and NumPy spell; kernels carry the text with
them. They are right to two units in the last place over the whole domain, and keep what C says of zeros, infinities
and what is not a number. `derivation` computes the polynomials, `library` lists the functions.
"""
