# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record's files: whole or not there, whatever fails and whenever the host stops."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record import (
    ATTACHMENT,
    BRIDGE,
    Record,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.store import records
from ansible_collections.pipefitter.container_network.plugins.module_utils.store.records import Store

OLD = Record(
    ATTACHMENT, ("container", "web1", "eth1"), {"container": "web1", "bridge": "br0"}, {"mac": "02:00:00:00:00:01"}
)
NEW = OLD._replace(want={"container": "web1", "bridge": "br1"})
OTHER = Record(ATTACHMENT, ("container", "web2", "eth1"), {"container": "web2", "bridge": "br0"}, {})
GOING = Record(ATTACHMENT, ("netns", "/run/netns/ä b", "eth/1"), {"netns": "/run/netns/ä b"}, {})


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "record")


def files(folder):
    return sorted(name for _here, _folders, names in os.walk(folder) for name in names)


def by_key(*kept):
    return {record.key: record for record in kept}


def test_what_is_written_is_read_again(folder):
    Store(mend=True, folder=folder).change([OLD, GOING], [])
    Store(mend=True, folder=folder).change([NEW, OTHER], [GOING])
    assert Store(mend=True, folder=folder).read(ATTACHMENT) == by_key(NEW, OTHER)
    assert Store(mend=True, folder=folder).read(BRIDGE) == {}


def test_only_root_can_read_it(folder):
    Store(mend=True, folder=folder).change([OLD], [])
    for here, _folders, names in os.walk(folder):
        assert stat.S_IMODE(os.stat(here).st_mode) == 0o700
        assert all(stat.S_IMODE(os.stat(f"{here}/{name}").st_mode) == 0o600 for name in names)


def test_a_folder_that_others_can_write_to_is_refused(folder):
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    for use in (lambda store: store.read(ATTACHMENT), lambda store: store.change([OLD], [])):
        with pytest.raises(PipefitterError, match="not a folder that root alone can write to.*chmod 0700"):
            use(Store(mend=True, folder=folder))


class Stopped(BaseException):
    """The process was killed."""


def change_with(fault, place, folder, monkeypatch):
    """Change the record, and let the call that is number ``place`` of those that change files fail; tell if one did."""
    Store(mend=True, folder=folder).change([OLD, GOING], [])
    calls = 0

    def counting(real):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == place:
                raise fault
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patched:
        for name in ("fsync", "rename", "unlink", "makedirs"):
            patched.setattr(records.os, name, counting(getattr(os, name)))
        patched.setattr(records, "_write", counting(records._write))
        Store(mend=True, folder=folder).change([NEW, OTHER], [GOING])
    return calls >= place


# So many calls change files; the last places are past the end.
PLACES = range(1, 18)


def test_nothing_is_lost_where_the_disk_is_full(tmp_path, monkeypatch):
    failed = 0
    for place in PLACES:
        folder = str(tmp_path / str(place))
        try:
            change_with(OSError(errno.ENOSPC, "No space left on device"), place, folder, monkeypatch)
        except PipefitterError as error:
            failed += 1
            assert "No space left on device" in str(error) and "free some space" in str(error)
            assert Store(mend=True, folder=folder).read(ATTACHMENT) == by_key(OLD, GOING), place
        else:
            assert Store(mend=True, folder=folder).read(ATTACHMENT) == by_key(NEW, OTHER), place
        assert all(name.endswith(".json") for name in files(folder)), place
    assert failed > 9


def test_each_file_is_whole_whenever_the_process_is_killed(tmp_path, monkeypatch):
    stopped = 0
    for place in PLACES:
        folder = str(tmp_path / str(place))
        try:
            change_with(Stopped(), place, folder, monkeypatch)
        except Stopped:
            stopped += 1
        store = Store(mend=True, folder=folder)
        held = store.read(ATTACHMENT)
        assert store.warnings == []
        assert held[OLD.key] in (OLD, NEW) and held.get(OTHER.key) in (None, OTHER), place
        # What is taken away goes last.
        assert GOING.key in held or held == by_key(NEW, OTHER), place
        assert all(name.endswith(".json") for name in files(folder)), place
    assert stopped > 9


DAMAGED = {
    "no JSON": b'{"version": 1, "ki',
    "holds no JSON object": b"[]",
    "has version 99": json.dumps({"version": 99, "kind": ATTACHMENT}).encode(),
    "is no record of the kind": json.dumps(
        {"version": 1, "kind": BRIDGE, "key": ["br0"], "want": {}, "chosen": {}}
    ).encode(),
}


@pytest.mark.parametrize(("why", "content"), DAMAGED.items())
def test_a_damaged_file_is_set_aside_with_one_warning(folder, why, content):
    Store(mend=True, folder=folder).change([OLD, OTHER], [])
    path = next(f"{folder}/{ATTACHMENT}/{name}" for name in files(folder) if "web2" in name)
    with open(path, "wb") as file:
        file.write(content)

    looking = Store(mend=False, folder=folder)
    assert looking.read(ATTACHMENT) == by_key(OLD)
    assert os.path.exists(path) and len(looking.warnings) == 1

    store = Store(mend=True, folder=folder)
    assert store.read(ATTACHMENT) == by_key(OLD)
    (warning,) = store.warnings
    assert why in warning and f"{path}.set-aside" in warning
    with open(f"{path}.set-aside", "rb") as file:
        assert file.read() == content
    again = Store(mend=True, folder=folder)
    assert again.read(ATTACHMENT) == by_key(OLD) and again.warnings == []


def test_a_link_in_the_place_of_a_file_is_not_followed(folder, tmp_path):
    Store(mend=True, folder=folder).change([OLD], [])
    (name,) = files(folder)
    path = f"{folder}/{ATTACHMENT}/{name}"
    os.rename(path, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", path)
    store = Store(mend=True, folder=folder)
    assert store.read(ATTACHMENT) == {}
    assert len(store.warnings) == 1
