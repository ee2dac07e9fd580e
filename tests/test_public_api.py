"""The public names and signatures are those of tests/public_api.txt."""

from __future__ import annotations

import difflib
import re

import pytest

from tests.test_imports import PACKAGES
from tools import public_api


def test_public_names_and_signatures_change_only_on_purpose() -> None:
    known = public_api.SNAPSHOT.read_text(encoding="utf-8").splitlines()
    found = public_api.snapshot().splitlines()
    changes = [*difflib.unified_diff(known, found, "tests/public_api.txt", "the code", lineterm="", n=0)]
    if changes:
        pytest.fail("Run `make api` if these changes are intended:\n" + "\n".join(changes), pytrace=False)


def test_every_package_is_in_the_snapshot() -> None:
    assert set(public_api.PACKAGES) == set(PACKAGES)


def test_the_snapshot_has_no_address_of_memory() -> None:
    assert not re.search(r"0x[0-9a-f]{6}", public_api.SNAPSHOT.read_text(encoding="utf-8"))
