# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab for all integration tests, and a clean host for each."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time

import ansible
import pytest
from lab_hosts import LAB, PYROUTE2, LabHost

_CLEAN_LINKS = {"lo", "eth0", "eth1", "docker0", "ovs-netdev"}


def pytest_configure(config):
    config.addinivalue_line("markers", "newest_pyroute2: runs on the host with the newest pyroute2 too")


@pytest.fixture(scope="session")
def python_path(tmp_path_factory):
    """A folder with ``ansible`` and ``ansible_collections`` and nothing else, so that hosts use their own pyroute2."""
    import ansible_collections.pipefitter.container_network as collection

    folder = tmp_path_factory.mktemp("python")
    (folder / "ansible").symlink_to(pathlib.Path(ansible.__file__).parent)
    root = pathlib.Path(next(iter(collection.__path__))).parents[1]
    (folder / "ansible_collections").symlink_to(root)
    return str(folder)


@pytest.fixture(scope="session")
def lab_name():
    """A running lab of two hosts that differ in their pyroute2."""
    name = f"integration-{os.getpid()}"
    subprocess.run(
        [LAB, "up", "--name", name, "--hosts", "2", "--pyroute2", f"hostb={PYROUTE2['hostb']}"], check=True, timeout=180
    )
    yield name
    subprocess.run([LAB, "down", "--name", name], check=True, timeout=60)


@pytest.fixture(scope="session")
def lab_hosts(lab_name, python_path):
    """Both hosts by name; for tests that leave no trace or clean up themselves."""
    hosts = {name: LabHost(lab_name, name, python_path) for name in PYROUTE2}
    for host in hosts.values():
        host.run("sh", "-c", f"iptables-nft-save > {_RULES_AT_START}")
        host.keep_sent_code()
    yield hosts
    for host in hosts.values():
        host.close()


@pytest.fixture(scope="session")
def kernel(python_path, tmp_path_factory):
    """A host with another kernel, which has kinds of links that this machine's may lack."""
    from other_kernel import OtherKernel

    host = OtherKernel(python_path, tmp_path_factory.mktemp("kernel"))
    yield host
    host.stop()


@pytest.fixture(scope="session")
def playbooks(tmp_path_factory):
    """What runs ansible-playbook for a ``Fleet``."""
    from fleet import start_playbook_server

    server = start_playbook_server(tmp_path_factory.mktemp("playbooks"))
    yield server
    server.stop()


@pytest.fixture(params=[pytest.param(name, id=f"pyroute2-{version}") for name, version in PYROUTE2.items()])
def host(lab_hosts, request):
    """A host as it was after its start; what the test leaves is removed after it."""
    host = lab_hosts[request.param]
    yield host
    clean(host)


@pytest.fixture
def hosta(lab_hosts):
    """The host with Debian's pyroute2, for tests in which its version makes no difference."""
    yield lab_hosts["hosta"]
    clean(lab_hosts["hosta"])


@pytest.fixture
def hosts(lab_hosts):
    """Both hosts by name; what the test leaves is removed after it."""
    yield lab_hosts
    for host in lab_hosts.values():
        clean(host)


@pytest.fixture
def fleet(hosts, lab_name, tmp_path, playbooks):
    """Two hosts whose inventory asks for nothing yet."""
    from fleet import COMMON, Fleet

    by_host = {name: {"multi_host_vlan_containers": []} for name in hosts}
    return Fleet(lab_name, tmp_path, by_host, {**COMMON, "multi_host_vlan_uplink": "eth1"}, playbooks)


@pytest.fixture
def four(hosts, fleet):
    """Four Docker containers, and an inventory that wants them in two VLANs."""
    from fleet import CONTAINERS
    from wiring import make_containers

    for name, host in hosts.items():
        make_containers(host, *(entry["container"] for entry in CONTAINERS[name]))
        fleet.by_host[name]["multi_host_vlan_containers"] = [dict(entry) for entry in CONTAINERS[name]]
    return fleet


@pytest.fixture
def walled_in():
    """Return what makes a ``Walled`` of a host; its servers end with the test."""
    from filtering import Walled

    made = []

    def make(host):
        made.append(Walled(host))
        return made[-1]

    yield make
    for walled in made:
        walled.stop()


_RULES_AT_START = "/run/iptables-at-start"

# Docker must not be left with a runtime that is gone.
_FORGET_HOOKS = """
rm -f /usr/share/containers/oci/hooks.d/pipefitter.json
if [ -e /etc/docker/daemon.json.before-pipefitter ]; then
    mv /etc/docker/daemon.json.before-pipefitter /etc/docker/daemon.json
    kill -HUP "$(cat /var/run/docker.pid)"
fi
"""

# One shell: each way into the host costs more than the commands.
_CLEANING = f"""{_FORGET_HOOKS}
rm -rf /var/lib/pipefitter /usr/local/lib/pipefitter /usr/local/sbin/pipefitter /run/pipefitter /run/pipefitter-nics
ip -all netns delete
ovs-vsctl list-br | xargs -r -n 1 ovs-vsctl del-br
for family in ip ip6 bridge; do nft delete table $family pipefitter 2>/dev/null || true; done
for program in iptables ip6tables; do
    for words in "-D DOCKER-USER -j PIPEFITTER" "-D FORWARD -j PIPEFITTER" "-F PIPEFITTER" "-X PIPEFITTER"; do
        $program $words 2>/dev/null || true
    done
done
# Docker puts back neither the rules that a test flushed nor, where something else forwards already, its policy.
case "$(iptables-nft-save -t filter 2>/dev/null)" in
    *":FORWARD DROP"*"-A FORWARD -j DOCKER-USER"*) ;;
    *) iptables-nft-restore < {_RULES_AT_START} ;;
esac
case "$(iptables-nft-save -t nat 2>/dev/null)" in
    *":DOCKER "*"-A PREROUTING"*"-j DOCKER"*) ;;
    *) iptables-nft-restore < {_RULES_AT_START} ;;
esac
"""


def clean(host):
    """Remove links, namespaces, containers, tables and bridges a test left."""
    host.remove_containers()
    host.run("sh", "-e", "-c", _CLEANING)
    # Ends in namespaces that were deleted go some time later, and may be gone when it is their turn.
    deadline = time.monotonic() + 60
    while left := [link["ifname"] for link in host.ip("link", "show") if link["ifname"] not in _CLEAN_LINKS]:
        assert time.monotonic() < deadline, f"{left} can't be deleted on {host.name}"
        for name in left:
            host.run("ip", "link", "delete", name, check=False)


@pytest.fixture(scope="session")
def nic_site(python_path, tmp_path_factory, playbooks):
    """A lab of two hosts of its own: the first one's NIC eth0 is moved, through which Ansible comes."""
    from fleet import Fleet

    lab = f"nic-{os.getpid()}"
    subprocess.run([LAB, "up", "--name", lab, "--hosts", "2"], check=True, timeout=180)
    try:
        host = LabHost(lab, "hosta", python_path)
        host.keep_sent_code()
        host.fleet = Fleet(lab, tmp_path_factory.mktemp("nic"), {}, {}, playbooks)
        host.other = LabHost(lab, "hostb", python_path)
        yield host
        host.close()
    finally:
        subprocess.run([LAB, "down", "--name", lab], check=True, timeout=60)


@pytest.fixture
def nic_host(nic_site):
    """Its first host, with a NIC that has some of everything; it must be so again after each test."""
    from nic_lab import DRESS, RECOVER, assert_as_before, whole
    from wiring import until

    nic_site.run("sh", "-c", DRESS)
    until(lambda: not nic_site.run("ip", "-6", "addr", "show", "tentative").stdout, "addresses stay tentative")
    before = whole(nic_site)
    yield nic_site
    try:
        assert_as_before(before, whole(nic_site))
        assert not nic_site.run("sh", "-c", "cat /var/lib/pipefitter-nic/*/pending.json", check=False).stdout
    finally:
        nic_site.run("sh", "-c", RECOVER)
