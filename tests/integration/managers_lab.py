# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host with real systemd and all managers of a network, each with a NIC with static addresses and one with a lease.

Their LAN is a namespace of the same host.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import NamedTuple

from lab_hosts import LabHost
from wiring import until

HERE = pathlib.Path(__file__).parent
UNIT = HERE.parent.parent / "roles/host_setup/templates/pipefitter.service.j2"
PACKAGES = pathlib.Path(sys.prefix).parent / "network-managers.tar"
"""What scripts/prepare.sh fetched: managers that the machine itself hasn't."""


class Nic(NamedTuple):
    """A NIC of the host, by its number on the LAN; ``files`` configure it, by their paths."""

    manager: str
    number: int
    dhcp: bool
    files: dict[str, str]
    switch: bool = False
    """Its bridge is Open vSwitch's."""

    @property
    def static(self) -> list[str]:
        return [] if self.dhcp else [f"10.50.{self.number}.2/24", f"fd50:{self.number}::2/64"]


_NETWORKD_STATIC = """\
[Match]
Name=nd0
[Network]
Address=10.50.1.2/24
Address=fd50:1::2/64
[Route]
Destination=10.61.0.0/24
Gateway=10.50.1.1
Metric=50
"""
_NETWORKD_DROP_IN = """\
[Route]
Gateway=10.50.1.1
Table=77
[RoutingPolicyRule]
IncomingInterface=nd0
Table=77
"""
_NETWORKD_LEASE = """\
[Match]
Name=nd[1-9]
[Network]
DHCP=ipv4
[DHCPv4]
UseDNS=no
"""

# Beside another default route with the same metric none may be moved.
_NETWORKD_SWITCH = f"{_NETWORKD_LEASE.replace('[1-9]', '8')}RouteMetric=1200\n"

_INTERFACES = """\
auto lo if0
iface lo inet loopback
iface if0 inet static
    address 10.50.3.2/24
    mtu 1400
    up ip route add 10.63.0.0/24 via 10.50.3.1 dev if0 metric 50
    down ip route delete 10.63.0.0/24 dev if0 || true
source interfaces.d/*
"""
_INTERFACES_6 = """\
iface if0 inet6 static
    address fd50:3::2/64
"""
_INTERFACES_LEASE = """\
auto if1
allow-hotplug if1
iface if1 inet dhcp
    metric 300
"""
_INTERFACES_SWITCH = """\
auto if8
iface if8 inet static
    address 10.50.10.2/24
iface if8 inet6 static
    address fd50:10::2/64
"""

# All others are managed by NetworkManager, where nobody says otherwise.
_NM_CONF = """\
[keyfile]
unmanaged-devices=*,except:interface-name:nm*,except:interface-name:br-nm*
[device]
match-device=*
managed=1
"""
_NM_STATIC = """\
[connection]
id=Our uplink
uuid=11111111-1111-4111-8111-111111111111
type=ethernet
interface-name=nm0
[ethernet]
mtu=1400
[ipv4]
method=manual
address1=10.50.5.2/24
route1=10.65.0.0/24,10.50.5.1,50
[ipv6]
method=manual
address1=fd50:5::2/64
"""
_NM_LEASE = """\
[connection]
id=Wired connection 1
uuid=22222222-2222-4222-8222-222222222222
type=ethernet
[ethernet]
mac-address=02:50:00:00:00:06
[ipv4]
method=auto
dhcp-client-id=stable
[ipv6]
method=link-local
"""

_NETPLAN = """\
# Our site
network:
  version: 2
  renderer: networkd
  ethernets:
    np0:
      mtu: 1400
      # Two of them
      addresses: [10.50.7.2/24, "fd50:7::2/64"]
      routes:
        - to: 10.67.0.0/24
          via: 10.50.7.1
          metric: 50
    uplink:
      match:
        name: "np1*"
      dhcp4: true
      dhcp4-overrides: {use-dns: false, route-metric: 1100}
"""

NICS = {
    "nd0": Nic(
        "networkd",
        1,
        False,
        {
            "/etc/systemd/network/50-nd0.network": _NETWORKD_STATIC,
            "/etc/systemd/network/50-nd0.network.d/more.conf": _NETWORKD_DROP_IN,
        },
    ),
    "nd1": Nic("networkd", 2, True, {"/etc/systemd/network/60-others.network": _NETWORKD_LEASE}),
    "if0": Nic(
        "ifupdown",
        3,
        False,
        {"/etc/network/interfaces": _INTERFACES, "/etc/network/interfaces.d/if0-6": _INTERFACES_6},
    ),
    "if1": Nic("ifupdown", 4, True, {"/etc/network/interfaces.d/if1": _INTERFACES_LEASE}),
    "nm0": Nic(
        "networkmanager",
        5,
        False,
        {
            "/etc/NetworkManager/conf.d/lab.conf": _NM_CONF,
            "/etc/NetworkManager/system-connections/uplink.nmconnection": _NM_STATIC,
        },
    ),
    "nm1": Nic("networkmanager", 6, True, {"/etc/NetworkManager/system-connections/Wired 1.nmconnection": _NM_LEASE}),
    "np0": Nic("netplan", 7, False, {"/etc/netplan/50-site.yaml": _NETPLAN}),
    "np1": Nic("netplan", 8, True, {}),
    "nd8": Nic("networkd", 9, True, {"/etc/systemd/network/55-nd8.network": _NETWORKD_SWITCH}, switch=True),
    "if8": Nic("ifupdown", 10, False, {"/etc/network/interfaces.d/if8": _INTERFACES_SWITCH}, switch=True),
}

# The LAN is there before any manager begins, with the same MAC addresses each time. A namespace with a name would be
# mounted, and not unmounted by systemd at a shutdown: that waits for ever then.
_UNIT = """\
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
Wants=network-pre.target
[Service]
Type=forking
PIDFile=/run/lan.pid
ExecStart=unshare --net /usr/local/sbin/lan
[Install]
WantedBy=multi-user.target
"""
_LAN = """\
#!/bin/sh -e
ip link set lo up
"""
_LAN_OF_A_NIC = """\
ip link add {name} mtu 1400 type veth peer name {name} address 02:50:00:00:00:{number:02x} mtu 1400 netns 1
ethtool -K {name} tx off >/dev/null
nsenter --target 1 --net ethtool -K {name} tx off >/dev/null
ip address add 10.50.{number}.1/24 dev {name}
ip address add fd50:{number}::1/64 dev {name} nodad
ip link set {name} up
"""
_LEASES = (
    "exec dnsmasq --conf-file=/dev/null --port=0 --no-ping --dhcp-leasefile=/var/lib/lan.leases --pid-file=/run/lan.pid"
)

_START = """
chmod 755 /usr/local/sbin/lan
ldconfig
netplan generate
systemctl daemon-reload
systemctl reload dbus
systemctl mask --quiet NetworkManager-wait-online
systemctl enable --quiet --now lan systemd-networkd networking NetworkManager
"""


class Host:
    """The host, what it runs, and the sessions from its LAN."""

    def __init__(self, lab: str, python_path: str) -> None:
        self.lab = LabHost(lab, "hosta", python_path)
        self._python = ("env", f"PYTHONPATH={python_path}", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3")
        self.moves: list[dict] = []
        self.before: dict = {}
        self.files_before: list[str] = []

    def set_up(self) -> None:
        ranges = [f"--dhcp-range=10.50.{nic.number}.100,10.50.{nic.number}.150" for nic in NICS.values()]
        lan = [_LAN, *(_LAN_OF_A_NIC.format(name=name, number=nic.number) for name, nic in NICS.items())]
        self.put("/usr/local/sbin/lan", "".join(lan) + " ".join([_LEASES, *ranges]) + "\n")
        self.put("/etc/systemd/system/lan.service", _UNIT)
        self.run("tar", "-x", "-C", "/", "--keep-directory-symlink", "-f", str(PACKAGES))
        for nic in NICS.values():
            for path, text in nic.files.items():
                self.put(path, text)
        self.run("sh", "-ec", _START)
        until(lambda: self._configured(self.shown(*NICS)), lambda: self.shown(*NICS))
        self.before = self.shown(*NICS)
        self.files_before = self.files()
        self.moves = [
            {
                "nic": name,
                "bridge": f"br-{name}",
                "mac": self.before[name]["mac"],
                "mtu": self.before[name]["mtu"],
                "openvswitch": nic.switch,
            }
            for name, nic in NICS.items()
        ]

    def put(self, path: str, text: str) -> None:
        # NetworkManager ignores profiles that others may read.
        mode = "600" if path.endswith((".nmconnection", ".yaml")) else "644"
        script = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod $2 "$1"'
        self.run("sh", "-ec", script, "sh", path, mode, text=text)

    @staticmethod
    def _configured(shown: dict) -> bool:
        return all(len(shown[name]["addresses"]) >= (1 if nic.dhcp else 2) for name, nic in NICS.items())

    def run(self, *words: str, **options) -> str:
        return self.lab.run(*words, timeout=300, **options).stdout

    def does(self, what: str, moves: list[dict] = (), links: list[str] = ()) -> dict:
        asked = json.dumps({"do": what, "moves": [*moves], "links": [*links]})
        return json.loads(self.run(*self._python, str(HERE / "network_managers_on_host.py"), text=asked))

    def shown(self, *links: str) -> dict:
        return self.does("shown", links=links)

    def with_sessions(self, what: str) -> dict:
        """Do something while each address has a TCP session, and return what it said; the sessions live."""
        addresses = [address.partition("/")[0] for shown in self.before.values() for address in shown["addresses"]]
        script = str(HERE / "sessions_on_lan.py")
        serving = self.lab.start(*self._python, script)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        lan = self.run("cat", "/run/lan.pid").strip()
        words = ["nsenter", "--target", lan, "--net", *self._python, script, *addresses]
        try:
            until(lambda: ":7007 " in self.run("ss", "-ltn"), "nothing serves")
            asking = self.lab.start(*words, **pipes, encoding="utf-8")
            assert json.loads(asking.stdout.readline()) == dict.fromkeys(addresses, 0.0)
            try:
                did = self.does(what, self.moves)
            finally:
                said, _errors = asking.communicate(timeout=120)
        finally:
            self.run("pkill", "-f", script)
            serving.wait(20)
        longest = json.loads(said)
        print(f"{what}: longest wait of a session in ms:", {a: t and round(1000 * t) for a, t in longest.items()})
        assert None not in longest.values(), longest
        return did

    def record_bridges(self) -> None:
        """Install the service, as the role host_setup does, and let it know of the bridges."""
        self.lab.module("host_program")
        unit = UNIT.read_text(encoding="utf-8").replace("{{ host_setup_drift }}", "repair")
        self.put("/etc/systemd/system/pipefitter.service", unit.replace("{{ ansible_managed }}", ""))
        self.lab.module("container_bridge", bridges=[{"name": f"br-{one}"} for one in NICS if not NICS[one].switch])
        self.run("systemctl", "enable", "--quiet", "--now", "pipefitter")

    def files(self) -> list[str]:
        """Return the managers' files with sums of what is in them."""
        folders = ("systemd/network", "network", "NetworkManager/system-connections", "netplan")
        find = ["find", *(f"/etc/{folder}" for folder in folders), "-type", "f", "-exec", "sha256sum", "{}", "+"]
        return sorted(self.run(*find).splitlines())

    def reboot(self, links: list[str]) -> None:
        """Reboot, and wait until the LAN answers through these links."""
        self.lab.reboot()
        until(lambda: self._there(links), lambda: self.run("ip", "address"))

    def _there(self, links: list[str]) -> bool:
        known = self.run("ls", "/sys/class/net").split()
        return set(links) <= {*known} and self._configured(dict(zip(NICS, self.shown(*links).values(), strict=True)))

    def reaches_lan(self) -> None:
        """The LAN answers, by IPv6 too, for which an address has to be found not to be a duplicate first."""
        asked = [
            gateway
            for nic in NICS.values()
            for gateway in (f"10.50.{nic.number}.1", *([] if nic.dhcp else [f"fd50:{nic.number}::1"]))
        ]
        for gateway in asked:
            until(lambda: self._pings(gateway), lambda: f"{gateway}: {self.run('ip', 'address')}")  # noqa: B023

    def _pings(self, address: str) -> bool:
        return self.lab.run("ping", "-n", "-c1", "-W1", address, check=False).returncode == 0
