"""Derivations of the catalog as a reader gets them: declarations, definitions, and lines of LaTeX."""

from derive.explaining import latex
from derive.notation.index_form import on_paper
from derive.notation.tree import Name
from derive.notation.writing import write_latex
from tests.helpers import first_derivative


def emitted(name):
    """What is declared for a derivation of the engine, its definitions, and its lines: left side, right side."""
    found = first_derivative(name)
    program = found.of.program
    arrays = [(array.name, array.shape, array.domain) for array in program.inputs]
    sizes = [(e.target, e.shape, None) for e in program.equations if all(s.is_Symbol or s.is_Integer for s in e.shape)]
    given = ", ".join(
        f"{name}: {' '.join(map(str, shape))} {domain if domain and domain.name != 'real' else ''}".strip()
        for name, shape, domain in arrays + [entry for entry in sizes if entry[1]]
    )
    definitions = [f"{write_latex(on_paper(e.element))} = {write_latex(on_paper(e.value))}" for e in program.equations]
    told = found.explanation()
    lines = [latex.sides(line, told) for block in told.blocks for line in block.lines]
    forms = [form for form in found.closed_forms if form is not None]
    if len(found.wrt) == len(forms) and not any(form.where for form in forms) and found.kind == "grad":
        value = write_latex(on_paper(program.definitions[found.of.value].element))
        for variable, form in zip(found.wrt, forms, strict=True):
            left = rf"\nabla_{{{write_latex(Name(variable))}}} {value}"
            lines.append((left, write_latex(form.tree, told.ranks)))
    return given, definitions, lines
