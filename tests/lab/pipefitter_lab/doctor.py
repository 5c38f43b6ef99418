# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine lacks for a lab, or for some of the tests in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from . import cgroups, systemd_host
from .environment import ROOT_LOGIN
from .layout import ROOT
from .spec import Spec


class Finding(NamedTuple):
    necessary: bool
    text: str


# program, Debian's package, what it is for; those of the second list can be done without
_NECESSARY = [
    ("busybox", "busybox-static", "the container image is made of it"),
    ("ethtool", "ethtool", "checksum offload is switched off with it"),
    ("ip", "iproute2", "the LAN is made with it"),
    ("nsenter", "util-linux", "hosts are entered with it"),
    ("setpriv", "util-linux", "what runs in a host is ended with it"),
    ("ssh", "openssh-client", "Ansible reaches the hosts with it"),
    ("ssh-keygen", "openssh-client", "the lab's keys are made with it"),
    ("sshd", "openssh-server", "every host runs it"),
]
_OPTIONAL = [
    ("crun", "crun", "Podman runs containers with it"),
    ("dnsmasq", "dnsmasq-base", "tests with DHCP need it"),
    ("nft", "nftables", "tests of published ports need it"),
    ("ping", "iputils-ping", "tests reach each other with it"),
    ("podman", "podman", "tests with Podman need it"),
    ("tcpdump", "tcpdump", "tests look at frames with it"),
]
_DOCKER = [("dockerd", "docker.io", "every host runs it (or use --no-docker)"), ("docker", "docker.io", "its client")]
_SWITCH = [
    ("ovs-vswitchd", "openvswitch-switch", "every host runs it (or use --no-ovs)"),
    ("ovs-vsctl", "openvswitch-switch", "Open vSwitch is set up with it"),
]
_SYSTEMD = [
    (systemd_host.PROGRAM, "systemd", "hosts of --systemd boot with it"),
    ("dbus-daemon", "dbus", "services of a host with systemd talk over it"),
    ("pkill", "procps", "what entered a host with systemd is ended with it"),
]

# what is tried in an empty network namespace that has the link v0; and what to say where it fails
_NECESSARY_LINKS = [
    ("link add b0 type bridge", "no bridges, the LAN is one: kernel feature CONFIG_BRIDGE"),
    ("link set v0 up", "no veth links, the hosts are connected by them: kernel feature CONFIG_VETH"),
]
_OPTIONAL_LINKS = [
    ("link add t0 type bridge vlan_filtering 1", "no VLAN-aware bridges: kernel feature CONFIG_BRIDGE_VLAN_FILTERING"),
    ("link add t0 type dummy", "no dummy links: kernel feature CONFIG_DUMMY"),
    ("link add link v0 t0 type ipvlan", "no ipvlan links: kernel feature CONFIG_IPVLAN"),
    ("link add link v0 t0 type macvlan", "no macvlan links: kernel feature CONFIG_MACVLAN"),
    ("link add link v0 t0 type vlan id 5", "no 802.1Q links: kernel feature CONFIG_VLAN_8021Q"),
    ("link add t0 type vxlan id 5 dstport 4789", "no VXLAN links: kernel feature CONFIG_VXLAN"),
    ("link add t0 type geneve id 5 remote 192.0.2.1", "no Geneve links: kernel feature CONFIG_GENEVE"),
    ("link add t0 type bond", "no bonds: kernel feature CONFIG_BONDING"),
    ("link add t0 type vrf table 5", "no VRFs: kernel feature CONFIG_NET_VRF"),
]


def missing_for_up(spec: Spec) -> list[str]:
    """What keeps `spec` from starting, quickly: root, and the programs. The kernel speaks for itself."""
    findings = [*_root(), *_programs(spec.docker, spec.openvswitch), *(_systemd(True) if spec.systemd else ())]
    return [finding.text for finding in findings if finding.necessary]


def examine() -> Iterator[Finding]:
    """Everything that is missing on this machine."""
    root = list(_root())
    yield from root
    yield from _programs(docker=True, openvswitch=True)
    yield from _optional_programs()
    yield from _systemd(False)
    yield from _python_packages()
    yield from _files()
    if not root:  # nothing below can be asked without
        yield from _kernel()


def _root() -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield Finding(True, "not root: labs are made of namespaces and mounts, run this as root")


def _programs(docker: bool, openvswitch: bool) -> Iterator[Finding]:
    wanted = _NECESSARY + (_DOCKER if docker else []) + (_SWITCH if openvswitch else [])
    for program, package, purpose in wanted:
        if not _found(program):
            yield Finding(True, f"{program} is not installed, {purpose}: apt install {package}")


def _systemd(necessary: bool) -> Iterator[Finding]:
    for program, package, purpose in _SYSTEMD:
        if not _found(program):
            yield Finding(necessary, f"{program} is not installed, {purpose}: apt install {package}")


def _optional_programs() -> Iterator[Finding]:
    for program, package, purpose in _OPTIONAL:
        if not _found(program):
            yield Finding(False, f"{program} is not installed, {purpose}: apt install {package}")


def _found(program: str) -> bool:
    return shutil.which(program, path=ROOT_LOGIN["PATH"]) is not None


def _python_packages() -> Iterator[Finding]:
    for module in ("pyroute2", "netaddr"):
        if not _succeeds(["/usr/bin/python3", "-c", f"import {module}"]):
            yield Finding(
                False, f"{module} is missing for /usr/bin/python3, modules need it: apt install python3-{module}"
            )


def _files() -> Iterator[Finding]:
    if not os.path.islink("/bin"):
        yield Finding(True, "/bin is no link to /usr/bin: hosts would share it with the machine: apt install usrmerge")
    if not os.path.exists("/dev/net/tun"):
        yield Finding(False, "/dev/net/tun is missing, userspace Open vSwitch needs it: kernel feature CONFIG_TUN")
    if not cgroups.hierarchies():
        yield Finding(True, f"no control groups in {cgroups.MOUNT}, Docker needs them: mount them (cgroupfs-mount)")
    if not os.path.exists("/proc/sys/net/bridge/bridge-nf-call-iptables"):
        yield Finding(False, "bridges do not pass frames to iptables, as they do beside Docker: modprobe br_netfilter")


def _kernel() -> Iterator[Finding]:
    if not _overlays_work():
        yield Finding(
            True, f"{ROOT} can't hold overlays, hosts' files are such: kernel feature CONFIG_OVERLAY_FS on a disk"
        )
    for attempt, otherwise in _NECESSARY_LINKS:
        if not _links_work(attempt):
            yield Finding(True, otherwise)
    for attempt, otherwise in _OPTIONAL_LINKS:
        if not _links_work(attempt):
            yield Finding(False, f"{otherwise} (tests with them are skipped)")
    if not _succeeds(["unshare", "--net", "nft", "add table ip t"]):
        yield Finding(False, "nftables does not work, published ports need it: kernel feature CONFIG_NF_TABLES_IPV4")
    if not os.path.isdir("/sys/module/openvswitch"):
        yield Finding(False, "Open vSwitch needs datapath_type=netdev here: kernel feature CONFIG_OPENVSWITCH")


def _links_work(attempt: str) -> bool:
    lines = f"link add v0 type veth peer name v1\n{attempt}\n"
    return _succeeds(["unshare", "--net", "ip", "-batch", "-"], lines)


def _overlays_work() -> bool:
    """Try one, in a mount namespace that ends with the attempt."""
    folder = tempfile.mkdtemp(prefix=ROOT.strip("/") + "-", dir=os.path.dirname(ROOT))
    try:
        for part in ("upper", "work"):
            os.mkdir(os.path.join(folder, part))
        options = f"lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work"
        return _succeeds(["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, "/etc"])
    finally:
        shutil.rmtree(folder)


def _succeeds(command: list[str], stdin: str = "") -> bool:
    try:
        done = subprocess.run(
            command, input=stdin, text=True, capture_output=True, env=ROOT_LOGIN, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
