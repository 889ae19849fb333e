"""Finding formulas."""

import subprocess
import sys
from pathlib import Path

import pytest

import catalog
from derive.errors import UnknownFormula


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("mse", "mse"),
        ("bayes", "bayes_theorem"),
        ("Bayes rule", "bayes_theorem"),
        ("mean_squared_error", "squared_error"),
        ("Softmax cross-entropy", "softmax_cross_entropy"),
        ("gaussian_pdf", "normal_pdf"),
        ("  KL   divergence ", "kl_divergence"),
    ],
)
def test_names_and_aliases(asked, name):
    assert catalog.find(asked).name == name


def test_unknown_name():
    with pytest.raises(UnknownFormula) as raised:
        catalog.find("sofmax")
    assert (
        str(raised.value) == "no formula is called 'sofmax'; did you mean 'softmax' or 'logsoftmax' or 'mlp_softmax'?"
    )


def test_no_name_is_taken_twice():
    names = [name for e in catalog.entries().values() for name in (e.name, *e.aliases)]
    assert len(set(names)) == len(names)


def test_every_definition_is_found():
    for subject in catalog.SUBJECTS:
        source = Path(catalog.__file__).with_name(f"{subject}.py").read_text(encoding="utf-8")
        assert source.count(" = Formula(\n") == len(catalog.groups()[subject])
        assert source.count("    aliases=") == sum(
            bool(e.aliases) for e in catalog.entries().values() if e.subject == subject
        )


def test_groups_and_tags():
    groups = catalog.groups()
    assert tuple(name for found in groups.values() for name in found) == catalog.names()
    assert groups["networks"][:2] == ("mlp_sigmoid", "mlp_relu")
    assert "relu" in catalog.tagged("kink")
    assert catalog.tagged("networks") == groups["networks"]


def test_subjects_are_imported_when_they_are_needed():
    code = "import catalog, sys; catalog.names(); assert 'catalog.losses' not in sys.modules; catalog.find('mse')"
    subprocess.run([sys.executable, "-c", code], check=True)
