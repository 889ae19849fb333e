"""The loop around a kernel that NumPy calls.

A function of numbers is called for runs of them, which are brought together first where they do not lie one after
another; a loop over a run is free of everything else, so that compilers take several numbers at a time. A function of
arrays is called once for each position of the outer dimension: as people take it where the arrays are dense, and with
strides as arguments where they are not.
"""

from __future__ import annotations

from codegen.c_text import Unit, quiet
from codegen.vector_math.c_text import guarded
from derive.program import Array, Dim

RUN = 512  # numbers that are brought together


def unit_text(unit: Unit) -> str:
    """The function and its loop: a whole translation unit."""
    if unit.is_of_numbers:
        return f"{unit.public_function('INLINE ')}\n{quiet(_loop_over_numbers(unit))}"
    return f"{unit.public_function('static ')}\n{quiet(_loop_over_arrays(unit))}"


def _head(unit: Unit) -> list[str]:
    """How both loops begin."""
    return [f"void {unit.name}_loop(char **args, const intptr_t *dimensions, const intptr_t *steps, void *data)", "{"]


def _tail(unit: Unit) -> list[str]:
    """How both end: with nothing that a later call would take for its own exception."""
    return [
        "    free(work);" if unit.nest.workspace else "    (void)data;",
        "    feclearexcept(FE_ALL_EXCEPT);",
        "}",
        "",
    ]


# ---------------------------------------------------------------- functions of numbers


def _loop_over_numbers(unit: Unit) -> str:
    operands = unit.signature.operands
    inputs, outputs = operands[: len(unit.nest.inputs)], operands[len(unit.nest.inputs) :]
    runs = [f"        {unit.type_of(array)} {unit.beside(array, 'run')}[RUN];" for array in operands]
    lines = [
        "/* What NumPy calls: runs of numbers that lie one after another, or are brought together. */",
        "#include <fenv.h>",
        "#include <stdint.h>",
        *(_gathering(kind) for kind in sorted({unit.type_of(array) for array in inputs})),
        "",
        *_head(unit),
        f"    enum {{ RUN = {RUN} }};",
        "    for (intptr_t from = 0; from < dimensions[0]; from += RUN) {",
        "        const intptr_t count = dimensions[0] - from < RUN ? dimensions[0] - from : RUN;",
        *runs,
    ]
    for at, array in enumerate(operands):
        kind, place, run = unit.type_of(array), f"args[{at}] + from*steps[{at}]", unit.beside(array, "run")
        if array in inputs:
            value = f"gathered_{kind}({place}, steps[{at}], count, {run})"
            lines.append(f"        const {kind} *{unit.beside(array, 'at')} = {value};")
        else:
            value = f"steps[{at}] == sizeof({kind}) ? ({kind} *)({place}) : {run}"
            lines.append(f"        {kind} *{unit.beside(array, 'at')} = {value};")
    given = [f"{unit.beside(array, 'at')}[at]" for array in inputs]
    taken = [f"&{unit.beside(array, 'at')}[at]" for array in outputs]
    lines += [
        "#pragma omp simd",
        "        for (intptr_t at = 0; at < count; ++at)",
        f"            {unit.name}({', '.join([*given, *taken])});",
    ]
    for at, array in enumerate(operands):
        if array in outputs:
            run = unit.beside(array, "run")
            lines += [
                f"        for (intptr_t at = 0; {unit.beside(array, 'at')} == {run} && at < count; ++at)",
                f"            *({unit.type_of(array)} *)(args[{at}] + (from + at)*steps[{at}]) = {run}[at];",
            ]
    return "\n".join([*lines, "    }", *_tail(unit)])


def _gathering(kind: str) -> str:
    """The function that brings the numbers of an input together."""
    name = f"gathered_{kind}"
    text = f"""\
static inline const {kind} *{name}(const char *from, intptr_t step, intptr_t count, {kind} *run)
{{
    if (step == sizeof({kind}))
        return (const {kind} *)from;
    for (intptr_t at = 0; at < count; ++at)
        run[at] = *(const {kind} *)(from + at*step);
    return run;
}}
"""
    return "\n" + guarded(name, text)


# ---------------------------------------------------------------- functions of arrays


def _loop_over_arrays(unit: Unit) -> str:
    name, operands = unit.name, unit.signature.operands
    strided = unit.strided_function()
    lines = [
        "/* What NumPy calls: one run for each position of the outer dimension. */",
        "#include <fenv.h>",
        "#include <stdint.h>",
        "#include <stdlib.h>",
        "",
        strided,
        "",
        *_head(unit),
    ]
    for at, size in enumerate(unit.signature.dims, start=1):
        if isinstance(size, Dim):
            lines.append(f"    const ptrdiff_t {unit.names[size.name]} = dimensions[{at}];")
    sizes = [unit.names[dim.name] for dim in unit.sizes()]
    calls = [f"{'*' if array.name in unit.by_value else ''}{unit.beside(array, 'at')}" for array in operands]
    work = ["work"] if unit.nest.workspace else []
    strides = [stride for array in operands for stride in unit.strides(array)]
    lines += [
        *_strides(unit),
        *_allocation(unit),
        "    for (intptr_t at = 0; at < dimensions[0]; ++at) {",
        *(f"        {_pointer(unit, at, array)}" for at, array in enumerate(operands)),
        "        if (dense)",
        f"            {name}({', '.join([*sizes, *calls, *work])});",
        "        else",
        f"            {name}_strided({', '.join([*sizes, *calls, *strides, *work])});",
        "    }",
    ]
    return "\n".join([*lines, *_tail(unit)])


def _strides(unit: Unit) -> list[str]:
    """The strides in numbers, and whether they are those of dense arrays."""
    lines, tests, place = [], [], len(unit.signature.operands)
    for array in unit.signature.operands:
        dense = unit.factors(array.shape)
        for axis, stride in enumerate(unit.strides(array)):
            lines.append(f"    const ptrdiff_t {stride} = steps[{place}] / (ptrdiff_t)sizeof({unit.type_of(array)});")
            tests.append(f"{stride} == {'*'.join(dense[axis + 1 :]) or '1'}")
            place += 1
    test = "\n        && ".join(tests) or "1"
    return [*lines, f"    const int dense = {test};"]


def _allocation(unit: Unit) -> list[str]:
    """Room for what is needed beside; without it the flag is set and nothing is touched."""
    if not unit.nest.workspace:
        return []
    t = unit.real_type
    return [
        f"    {t} *work = malloc(((size_t)({unit.work_size()}) + 1) * sizeof({t}));",
        "    if (!work) {",
        "        if (data)",
        "            *(int32_t *)data = 1;",
        "        return;",
        "    }",
    ]


def _pointer(unit: Unit, at: int, array: Array) -> str:
    kind = f"{'const ' if array in unit.nest.inputs else ''}{unit.type_of(array)}"
    return f"{kind} *{unit.beside(array, 'at')} = ({kind} *)(args[{at}] + at * steps[{at}]);"
