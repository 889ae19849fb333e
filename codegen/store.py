"""The cache on disk: what was built once is not built again.

A file is named by the hash of everything that went into it, so it is never wrong, only missing. It begins with the
digest of its content, or has that beside it where something else reads it, too; where they do not match (a crash, a
full disk) it is made anew. Files appear by renaming, so several processes can use one folder. The folder belongs to the
user alone: what lies in it is loaded as code.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from derive.errors import CacheUnavailable

SEAL = hashlib.sha256().digest_size
REMEDY = "set DERIVE_CACHE_DIR to a folder of your own that can be written to"


def folder() -> Path:
    """The cache folder, made if it is missing.

    Raises:
        CacheUnavailable: it cannot be made or used safely; the message names the remedy.
    """
    path = Path(os.environ.get("DERIVE_CACHE_DIR") or user_cache_path("derive-math"))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise CacheUnavailable(f"the cache folder {path} cannot be used ({error.strerror}); {REMEDY}") from None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & stat.S_IWOTH):
        raise CacheUnavailable(f"the cache folder {path} can be changed by other users; {REMEDY}")
    return path


def fetch(kind: str, parts: Sequence[str], suffix: str, make: Callable[[], bytes]) -> Path:
    """The file for `parts`, for others to read; `make` is called when it is not there yet."""
    path = _place(kind, parts, suffix)
    seal = path.with_name(path.name + ".sha256")
    if not _sealed(path, seal):
        content = make()
        _written(path, content)
        _written(seal, hashlib.sha256(content).hexdigest().encode())
    return path


def content(kind: str, parts: Sequence[str], make: Callable[[], bytes]) -> bytes:
    """What was made for `parts`; `make` is called when it is not there yet."""
    path = _place(kind, parts, ".bin")
    try:
        whole = path.read_bytes()
    except OSError:
        whole = b""
    seal, found = whole[:SEAL], whole[SEAL:]
    if hashlib.sha256(found).digest() != seal:
        found = make()
        _written(path, hashlib.sha256(found).digest() + found)
    return found


def record(kind: str, parts: Sequence[str], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A small record of plain values for `parts`."""
    found: dict[str, Any] = json.loads(content(kind, parts, lambda: json.dumps(make()).encode()))
    return found


def digest(*parts: str) -> str:
    """A hash of texts, their borders included."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def clear() -> int:
    """Empty the cache; returns how many files went."""
    files = [path for path in folder().iterdir() if path.is_file()]
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def size() -> int:
    """The bytes the cache takes on disk."""
    return sum(path.stat().st_size for path in folder().iterdir() if path.is_file())


@cache
def fingerprint() -> str:
    """A hash that changes when the project's own sources do."""
    root = Path(__file__).parent.parent
    parts = []
    for package in ("derive", "codegen", "catalog"):
        for path in sorted((root / package).rglob("*.py")):
            status = path.stat()
            parts.append(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}")
    return digest(*parts)


@cache
def processor() -> str:
    """The machine that native code is for."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        flags = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    return f"{platform.machine()} {digest(flags)}"


def _place(kind: str, parts: Sequence[str], suffix: str) -> Path:
    return folder() / f"{kind}-{digest(*parts)}{suffix}"


def _sealed(path: Path, seal: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest().encode() == seal.read_bytes()
    except OSError:
        return False


def _written(path: Path, content: bytes) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except BaseException:  # an interrupt, too, leaves nothing half-written behind
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CacheUnavailable(
            f"the cache folder {path.parent} cannot be written to ({error.strerror}); {REMEDY}"
        ) from None
