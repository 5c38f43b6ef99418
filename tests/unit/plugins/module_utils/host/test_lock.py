# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's lock: why its file can't be had, and what to do about it."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import lock
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.firewall import firewalld

ROOT = "run the task as root (become: true)"
FAILURES = [
    (errno.EACCES, ROOT),
    (errno.EPERM, ROOT),
    (errno.ENOSPC, "free some space there (df and df -i show it)"),
    (errno.EDQUOT, "free some space there (df and df -i show it)"),
    (errno.EROFS, "mount it read-write"),
    (errno.ENOTDIR, "see what is in its place"),
    (errno.ELOOP, "see what is in its place"),
]


def refuse(number):
    def call(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(("number", "advice"), FAILURES)
def test_the_locks_file_can_not_be_had(monkeypatch, number, advice):
    monkeypatch.setattr(lock.os, "makedirs", refuse(number))
    with pytest.raises(PipefitterError) as raised, lock.held():
        pass
    assert str(raised.value) == f"/run/pipefitter/lock can't be opened ({os.strerror(number)}); {advice}"


@pytest.mark.parametrize(("number", "advice"), FAILURES)
def test_the_note_of_what_firewalld_was_told_can_not_be_written(monkeypatch, number, advice):
    monkeypatch.setattr(firewalld.os, "makedirs", refuse(number))
    with pytest.raises(PipefitterError) as raised:
        firewalld._note({"br0": ("trusted", ":1.7")})
    assert str(raised.value).endswith(f"can't be written ({os.strerror(number)}); {advice}")


def test_one_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr(lock, "_DIRECTORY", str(tmp_path))
    with (tmp_path / "lock").open("w") as other:  # opened by itself, as by another process
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(PipefitterError, match=r"^timed out after 0.05 s waiting for another run"):  # noqa: SIM117
            with lock.held(timeout=0.05):
                pass
    with lock.held():
        pass


def test_a_run_within_a_run_needs_no_lock_and_leaves_it_held(monkeypatch, tmp_path):
    monkeypatch.setattr(lock, "_DIRECTORY", str(tmp_path))
    with lock.held():
        with lock.held(timeout=0):
            pass
        with (tmp_path / "lock").open("w") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_container_starts_while_a_run_waits_for_an_engine_and_not_before_it(monkeypatch, tmp_path):
    monkeypatch.setattr(lock, "_DIRECTORY", str(tmp_path))

    def is_free():
        """Tell whether another process could hold it for a container that starts."""
        with (tmp_path / "changing").open("w") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with lock.lent():  # without a lock, nothing is lent
        pass
    with lock.held():
        assert not is_free()
        with lock.lent():
            assert is_free()
            with (tmp_path / "lock").open("w") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not is_free()
    assert is_free()


def test_a_container_that_starts_waits_a_bounded_time_and_then_holds_the_lock(monkeypatch, tmp_path):
    monkeypatch.setattr(lock, "_DIRECTORY", str(tmp_path))
    with (tmp_path / "changing").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(PipefitterError, match=r"^timed out after 0.05 s waiting"):  # noqa: SIM117
            with lock.held_at_start(0.05):
                pass
    with (tmp_path / "lock").open("w") as other:  # of a run that has lent it
        fcntl.flock(other, fcntl.LOCK_EX)
        with lock.held_at_start(0.05), lock.held(timeout=0):
            with (tmp_path / "changing").open("w") as third, pytest.raises(BlockingIOError):
                fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)
