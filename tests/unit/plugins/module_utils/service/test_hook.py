# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container an OCI runtime starts, what is recorded for it, and how its runtime is given the hook."""

from __future__ import annotations

import io
import json
import sys

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import InvalidOption
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.record import (
    ATTACHMENT,
    VLAN_PORT,
    Record,
    merged,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import hook, runtime, starting
from ansible_collections.pipefitter.container_network.plugins.module_utils.service.starting import Starting
from ansible_collections.pipefitter.container_network.plugins.module_utils.store.records import Store

ID = "0123456789ab" + "c" * 52
WEB1 = Starting("docker", ID, "web1", 7)


def record(value, interface="eth1", **want):
    options = {"container": value, "bridge": "br0", "interface": interface, **want}
    return Record(ATTACHMENT, ("container", value, interface), options)


@pytest.fixture
def store(monkeypatch, tmp_path):
    (tmp_path / "record").mkdir(mode=0o700)
    monkeypatch.setattr(hook, "RECORD", str(tmp_path / "record"))
    monkeypatch.setattr(starting, "_LOG", str(tmp_path / "log"))
    return Store(mend=True, folder=str(tmp_path / "record"))


def found(container=WEB1, kind=ATTACHMENT):
    return [(str(one.want.get("container")), one.interface) for one in starting.recorded(container, kind)]


def test_what_is_recorded_for_a_container_is_found_by_name_and_id(store):
    others = [
        record("web"),
        record("web10"),
        record("web1-eth1"),
        record("0123456789"),
        record("web1", runtime="podman"),
    ]
    store.change(others, ())
    assert found() == []
    store.change([record("web1"), record("web1", "eth2"), record(ID[:12]), record(ID, "eth3")], ())
    assert sorted(found()) == sorted([("web1", "eth1"), ("web1", "eth2"), (ID[:12], "eth1"), (ID, "eth3")])
    assert found(Starting("podman", "f" * 64, "web1", 7)) == [("web1", "eth1"), ("web1", "eth2")]


def test_long_names_and_ports_of_a_bridge_are_found_too(store):
    name = "a" * 100
    port = Record(VLAN_PORT, ("a-bridge-of-15-b", "container", name, "eth1"), {"container": name, "bridge": "x"})
    store.change([record(name), record(f"{name}b"), port], ())
    long = Starting("docker", ID, name, 7)
    assert found(long) == [(name, "eth1")]
    assert found(long, VLAN_PORT) == [(name, "eth1")]


def test_a_damaged_record_holds_up_no_other(store, tmp_path):
    store.change([record("web1"), record("web1", "eth2")], ())
    next((tmp_path / "record" / ATTACHMENT).glob("*eth2*")).write_text("{")
    assert found() == [("web1", "eth1")]


def test_podmans_names_are_in_its_storage(tmp_path):
    bundle = tmp_path / "overlay-containers" / ID / "userdata"
    bundle.mkdir(parents=True)
    assert starting._container(ID, 7, str(bundle)) is None
    listed = [{"id": "f" * 64, "names": ["other"]}, {"id": ID, "names": ["web1"]}]
    (tmp_path / "overlay-containers" / "volatile-containers.json").write_text("null")
    (tmp_path / "overlay-containers" / "containers.json").write_text(json.dumps(listed))
    assert starting._container(ID, 7, str(bundle)) == Starting("podman", ID, "web1", 7)


@pytest.mark.parametrize("moved", [False, True])
def test_dockers_names_are_in_the_containers_folder(monkeypatch, tmp_path, moved):
    folder = tmp_path / "containers" / ID
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(json.dumps({"Name": "/web1"}))
    monkeypatch.setattr(hook, "DOCKER", str(tmp_path / "elsewhere" if moved else tmp_path / "containers"))
    config = {"mounts": [{"source": "proc"}, {"source": f"{folder}/hostname"}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert starting._container(ID, 7, str(tmp_path)) == WEB1
    (folder / "config.v2.json").unlink()
    assert starting._container(ID, 7, str(tmp_path)) is None


@pytest.mark.parametrize("container_id", ["web1", "../../../etc", ID[:12], ""])
def test_what_is_no_id_leads_to_no_file(container_id):
    assert starting._container(container_id, 7, "/") is None


@pytest.mark.parametrize("required", [False, True])
def test_what_cannot_be_loaded_stops_only_a_container_that_requires_it(monkeypatch, store, tmp_path, capsys, required):
    store.change([record("web1", **({"required": True} if required else {}))], ())
    monkeypatch.setattr(starting, "_container", lambda *_told: WEB1)
    monkeypatch.setattr(hook.sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"id": ID, "pid": 7}).encode())))
    monkeypatch.setitem(sys.modules, starting.__name__.replace("starting", "attaching"), None)
    monkeypatch.setitem(sys.modules, starting.__name__.replace("starting", "state_file"), FakeStateFile())
    assert hook.main() == (1 if required else 0)
    said = capsys.readouterr().err
    assert ("container web1 is not started" if required else "left to the service") in said


def test_whatever_goes_wrong_the_container_starts(monkeypatch, store, capsys):
    store.change([record("web1", required=True)], ())
    monkeypatch.setattr(hook.sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"id": ID, "pid": 7}).encode())))
    monkeypatch.setitem(sys.modules, starting.__name__, None)
    monkeypatch.delattr(sys.modules[hook.__package__], "starting")
    assert hook.main() == 0
    assert "the container is left to the service: " in capsys.readouterr().err


class FakeStateFile:
    def note(self, line, cause):
        pass


@pytest.mark.parametrize("state", [{"id": ID, "pid": 7}, {"ociVersion": "1.0.2", "id": ID, "annotations": {"id": "x"}}])
@pytest.mark.parametrize("spaced", [False, True])
def test_a_container_of_docker_without_record_costs_no_more_than_a_look(monkeypatch, store, tmp_path, state, spaced):
    told = json.dumps(state, **({} if spaced else {"separators": (",", ":")})).encode()
    assert not hook.may_be_recorded(told)  # as nothing is recorded at all
    folder = tmp_path / "containers" / ID
    folder.mkdir(parents=True)
    monkeypatch.setattr(hook, "DOCKER", str(tmp_path / "containers"))
    store.change([record("web"), record("web10"), record("db1")], ())
    assert hook.may_be_recorded(told)  # as its name is not known
    config = {"HostConfig": {"RestartPolicy": {"Name": "always"}}, "Labels": {"a": '"Name":"/db1"'}, "Name": "/web1"}
    (folder / "config.v2.json").write_text(json.dumps(config, separators=(",", ":")))
    assert not hook.may_be_recorded(told)
    store.change([record("web1")], ())
    assert hook.may_be_recorded(told)
    store.change([record(ID[:14])], [record("web1")])
    assert hook.may_be_recorded(told)


@pytest.mark.parametrize("told", [b"", b"{}", b"nonsense", b'{"id": 7}', b'{"id": "../x"}'])
def test_what_is_not_understood_is_looked_at_in_full(store, told):
    store.change([record("web1")], ())
    assert hook.may_be_recorded(told)


def test_the_hook_comes_after_those_that_are_there_and_once(tmp_path):
    path = tmp_path / "config.json"
    theirs = {"path": "/bin/dockerd", "args": ["libnetwork-setkey"]}
    path.write_text(json.dumps({"root": {}, "hooks": {"prestart": [theirs], "createRuntime": [theirs]}}))
    path.chmod(0o640)
    runtime.add_hook(str(path))
    runtime.add_hook(str(path))
    config = json.loads(path.read_text())
    ours = {"path": "/usr/local/lib/pipefitter/pipefitter", "args": ["pipefitter", "hook"]}
    assert config == {"root": {}, "hooks": {"prestart": [theirs], "createRuntime": [theirs, ours]}}
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (["--root", "/r", "create", "--bundle", "/b", "--pid-file", "p", ID], "/b"),
        (["create", "--bundle=/b", ID], "/b"),
        (["create", "-b", "/b", ID], "/b"),
        (["create", ID], "."),
    ],
)
def test_the_bundle_is_found_in_runcs_words(words, folder):
    assert runtime.bundle(words) == folder


def test_required_is_not_kept_and_is_for_containers():
    old, new = record("web1", required=True, mtu=1400), record("web1")
    assert merged(old, new, {"mtu": 1400}).want == {**new.want, "mtu": 1400}
    with pytest.raises(InvalidOption, match=r"attachments\[0\].required: True is for what a container engine starts"):
        attachment.parse_list([{"netns": "probe", "bridge": "br0", "required": True}], {})
    common = {"bridge": "br0", "required": True}
    wants = attachment.parse_list([{"netns": "probe"}, {"container": "web1"}], common)
    assert [want.required for want in wants] == [False, True]
