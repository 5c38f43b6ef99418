# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch is restarted, or forgets all: bridge, ports and VLANs are as they were, and nothing else."""

from __future__ import annotations

import pytest
from leftovers import assert_nothing_left_over, lasting
from service import Service, pipefitter, states
from wiring import make_containers, ovs_ports, until

_TASKS = [
    ("ovs_vlan_port", {"bridge": "ovs0", "create_bridge": True, "bridge_options": {"datapath_type": "netdev"}}),
    (
        "veth_attach",
        {
            "bridge": "ovs0",
            "attachments": [{"container": f"web{last}", "addresses": [f"10.9.0.{last}/24"]} for last in (1, 2, 3)],
        },
    ),
    (
        "ovs_vlan_port",
        {
            "bridge": "ovs0",
            "ports": [{"container": f"web{last}", "tag": tag} for last, tag in ((1, 5), (2, 5), (3, 6))],
        },
    ),
]

_SWITCH = """
rm -f /run/openvswitch/ovs-vswitchd.pid
exec ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile=/run/openvswitch/ovs-vswitchd.pid \
    --log-file=/var/log/openvswitch/ovs-vswitchd.log -vconsole:off --detach --no-chdir
"""
_KILLED = f"kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid); {_SWITCH}"
_EMPTIED = "ovs-vsctl del-br ovs0"
# As after a look at its files by somebody who wanted to be rid of them: the bridge's device outlives the bridge.
_REPLACED = f"""
for program in ovs-vswitchd ovsdb-server; do
    pid=$(cat /run/openvswitch/$program.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.02; done
done
rm /etc/openvswitch/conf.db; ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock \
    --remote=db:Open_vSwitch,Open_vSwitch,manager_options --pidfile=/run/openvswitch/ovsdb-server.pid \
    --log-file=/var/log/openvswitch/ovsdb-server.log -vconsole:off --detach --no-chdir
ovs-vsctl --no-wait init
{_SWITCH}
"""


_BY_HAND = 3


@pytest.fixture
def switch(hosta):
    with Service(hosta):
        make_containers(hosta, "web1", "web2", "web3")
        for module, options in _TASKS:
            assert hosta.module(module, **options)["recorded"], module
        yield hosta


def settles(host):
    until(lambda: set(states(host).values()) == {"in order"} and _reached(host) == [True, False], lambda: states(host))


def _reached(host):
    """Whom web1 reaches: web2 is in its VLAN, web3 is not."""
    ask = "for last in 2 3; do docker exec web1 ping -c1 -W1 10.9.0.$last >/dev/null && echo $last; done; true"
    answered = host.run("sh", "-c", ask).stdout.split()
    return ["2" in answered, "3" in answered]


def test_open_vswitch_is_restarted_or_forgets_all(switch):
    settles(switch)
    before = lasting(switch)
    # A tag that somebody changes by hand, which the kernel tells nobody; more than once, as a look may be on its way.
    (port,) = switch.run("ovs-vsctl", "--bare", "--columns=name", "find", "port", "tag=6").stdout.split()
    for _time in range(_BY_HAND):
        switch.run("ovs-vsctl", "set", "port", port, "tag=5")
        until(lambda: switch.run("ovs-vsctl", "get", "port", port, "tag").stdout == "6\n", "it stays in the wrong VLAN")
    for done in (_KILLED, _EMPTIED, _REPLACED):
        switch.run("sh", "-c", done)
        settles(switch)
        assert_nothing_left_over(before, lasting(switch))
        for module, options in _TASKS:
            assert not switch.module(module, **options)["changed"], module
    switch.run("docker", "kill", "web1", "web3")
    until(lambda: len(ovs_ports(switch)) == 1, f"ports of containers that ended stay: {ovs_ports(switch)}")
    switch.run("docker", "start", "web1", "web3")
    settles(switch)
    assert_nothing_left_over(before, lasting(switch))
    # A port is in its VLAN as it joins: in no other for a moment.
    told = [
        entry for entry in pipefitter(switch, "events").stdout.splitlines() if " port " in entry and "VLAN" in entry
    ]
    told = told[:-_BY_HAND]
    assert told and all(" add port " in entry for entry in told), told
