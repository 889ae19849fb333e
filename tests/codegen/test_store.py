"""The cache: found again, mended when broken, private, and clear about what stops it."""

import os
import subprocess
import sys

import pytest

from codegen import store
from derive.errors import BackendUnavailable


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_made_once(folder):
    made = []
    for _ in range(3):
        path = store.fetch("kind", ("a", "b"), ".txt", lambda: made.append(1) or b"content")
        assert path.read_bytes() == b"content"
    assert made == [1]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_borders_between_parts_count():
    assert store.digest("ab", "c") != store.digest("a", "bc")


def test_broken_file_is_made_again():
    path = store.fetch("kind", ("a",), ".txt", lambda: b"whole")
    path.write_bytes(b"who")
    assert store.fetch("kind", ("a",), ".txt", lambda: b"whole").read_bytes() == b"whole"


@pytest.mark.parametrize("left", [0, 3, 33, 37])
def test_broken_content_is_made_again(folder, left):
    store.content("kind", ("a",), lambda: b"whole")
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:left])
    assert store.content("kind", ("a",), lambda: b"again") == (b"whole" if left == 37 else b"again")
    assert store.content("kind", ("a",), lambda: 1 // 0) == (b"whole" if left == 37 else b"again")


def test_a_failed_making_leaves_nothing(folder):
    with pytest.raises(ZeroDivisionError):
        store.fetch("kind", ("a",), ".txt", lambda: 1 // 0)
    assert list(folder.iterdir()) == []


def test_records_size_and_clear():
    assert store.record("kind", ("a",), lambda: {"n": 1}) == {"n": 1}
    assert store.size() > 0
    assert store.clear() == 1
    assert store.size() == 0


def test_folder_that_others_can_change(folder):
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(BackendUnavailable) as raised:
        store.folder()
    assert str(raised.value) == (
        f"the cache folder {folder} can be changed by other users; "
        "set DERIVE_CACHE_DIR to a folder of your own that can be written to"
    )


def test_folder_that_is_a_file(folder):
    folder.write_text("")
    with pytest.raises(BackendUnavailable, match=r"^the cache folder .* cannot be used \(File exists\); set DERIVE"):
        store.folder()


def test_many_processes_at_once(folder):
    code = "from codegen import store; print(store.fetch('k', ('x',), '.txt', lambda: b'same').read_text())"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ) for _ in range(4)]
    assert {process.communicate()[0] for process in running} == {b"same\n"}
    assert sum(path.suffix == ".txt" for path in folder.iterdir()) == 1
