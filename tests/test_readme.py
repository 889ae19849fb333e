"""The README says what is true: its Python runs, its shell commands print what is shown."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.M | re.S)
PYTHON = [text for language, text in BLOCKS if language == "python"]
CONSOLE = [text for language, text in BLOCKS if language == "console"]
SHELL = [
    line for language, text in BLOCKS if language == "sh" for line in text.splitlines() if line.startswith("derive")
]


def run(command):
    words = shlex.split(command)
    assert words[0] == "derive"
    ran = subprocess.run(
        [sys.executable, "-m", "derive.cli", *words[1:]], capture_output=True, text=True, env=os.environ
    )
    assert ran.returncode == (words[1] == "verify"), ran.stderr  # the derivation that is shown has a mistake
    return ran.stdout


@pytest.mark.parametrize("text", PYTHON, ids=lambda text: text.splitlines()[0])
def test_python(text):
    subprocess.run([sys.executable, "-W", "error", "-c", text], check=True, capture_output=True, env=os.environ)


@pytest.mark.parametrize("text", CONSOLE, ids=lambda text: text.splitlines()[0])
def test_console(text):
    command, _, shown = text.partition("\n")
    command = command.removeprefix("$ ").removeprefix("python -m pip install -e . && ")
    assert run(command) == shown


@pytest.mark.parametrize("command", SHELL)
def test_shell(command):
    assert "checked" in run(command)


def test_the_first_commands_are_install_and_test():
    commands = re.findall(r"^(?:\$ )?(python -m pip .*)$", README, flags=re.M)
    assert commands == [
        'python -m pip install -e . && derive grad "mse"',
        'python -m pip install -e ".[test]" && python -m pytest',
    ]
