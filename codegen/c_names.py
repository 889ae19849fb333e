"""Names that C can be given: what programs call things, moved out of the way of the language and its library."""

from __future__ import annotations

import re

RESERVED = frozenset(
    name
    for line in (
        "auto break case char const continue default do double else enum extern float for goto if inline int long",
        "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while",
        "NULL EOF INFINITY NAN HUGE_VAL HUGE_VALF RAND_MAX EXIT_FAILURE EXIT_SUCCESS MATH_ERRNO math_errhandling",
        "main abs labs llabs div ldiv lldiv atof atoi atol atoll strtod strtof strtold strtol strtoul strtoll strtoull",
        "rand srand malloc calloc realloc free abort exit atexit getenv system bsearch qsort mblen mbtowc wctomb",
        "alloca gamma lgamma tgamma erf erfc j0 j1 jn y0 y1 yn acos asin atan acosh asinh atanh atan2 cos cosh sin",
        "sinh tan tanh exp exp2 expm1 ilogb ldexp log log10 log1p log2 logb modf scalbn scalbln cbrt fabs hypot pow",
        "frexp sqrt ceil floor nearbyint rint lrint llrint round lround llround trunc fmod remainder remquo copysign",
        "nan nextafter nexttoward fdim fmax fmin fma isnan isinf isfinite isnormal signbit fpclassify",
        "printf fprintf sprintf scanf puts putchar fopen fclose fread fwrite memcpy memmove memset memcmp",
        "INLINE RUN strlen strcpy work dense at from count args data steps dimensions",
    )
    for name in line.split()
)
RESERVED_SHAPES = re.compile(r"_.*|\w+_(t|f32|f64|F32|F64)|(FE|FP|INT|UINT)\w*|[A-Z0-9_]+_(MAX|MIN|C)|fe[a-z]+")


def identifier(name: str, used: set[str]) -> str:
    """`name` as a C identifier that is neither C's nor among `used`, to which it is added."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    if _is_taken(plain) or plain in used:
        stem = f"v_{plain.strip('_')}" if RESERVED_SHAPES.fullmatch(plain) else plain
        tried = (f"{stem}_{count or ''}" for count in range(len(used) + 2))
        plain = next(name for name in tried if name not in used)
    used.add(plain)
    return plain


def _is_taken(name: str) -> bool:
    plain = name[:-1] if name[-1:] in ("f", "l") else name  # sqrtf, sqrtl
    return name in RESERVED or plain in RESERVED or bool(RESERVED_SHAPES.fullmatch(name)) or not name.isidentifier()
