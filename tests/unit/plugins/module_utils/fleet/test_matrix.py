# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of who reaches whom tells each cell that is not as the variables want it; the MAC tells who answered."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import fleet as vlan_fleet
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import matrix

PLACES = {
    "a": ("hosta", "web", "10.0.0.1"),
    "b": ("hosta", "db", "10.0.0.2"),
    "c": ("hostb", "web", "10.0.0.3"),
    "d": ("hostb", "db", "10.0.0.1"),
}
MACS = {name: f"02:00:00:00:00:0{name}" for name in PLACES}


def fleet():
    variables = {
        host: {
            "uplink": "eth1",
            "vlans": {"web": {"id": 100, "subnet": "10.0.0.0/24"}, "db": {"id": 200, "subnet": "10.0.0.0/24"}},
            "containers": [
                {"container": name, "vlan": vlan, "address": address}
                for name, (where, vlan, address) in PLACES.items()
                if where == host
            ],
        }
        for host in ("hosta", "hostb")
    }
    found = vlan_fleet.read(variables, {})
    assert found.problems == ()
    return found


def seen(answers):
    """``answers`` are pairs of who asks and who answers at its own address."""
    shown = {"hosta": {"probes": []}, "hostb": {"probes": []}}
    for name, (host, _vlan, _address) in PLACES.items():
        neighbours = {}
        for asking, answering in answers:
            if asking == name:
                neighbours.setdefault(PLACES[answering][2], []).append(MACS[answering])
        shown[host]["probes"].append(
            {"container": name, "interface": "eth1", "mac": MACS[name], "neighbours": neighbours}
        )
    return shown


GOOD = [("a", "c"), ("c", "a"), ("b", "d"), ("d", "b")]


def rows(found):
    return [line.split()[6:] for line in found.lines[1:5]]


def test_all_as_wanted():
    found = matrix.matrix(fleet(), seen(GOOD))
    assert found.wrong == () and found.cells == 12
    # Sorted by VLAN: a and c, then b and d.
    assert rows(found) == [["=", "+", ".", "."], ["+", "=", ".", "."], [".", ".", "=", "+"], [".", ".", "+", "="]]
    assert found.lines[-1].startswith("12 pairs, 0 not as they should be")


A_TO_C_SILENT = "a of hosta (web, 10.0.0.1) does not reach c of hostb (web, 10.0.0.3)"
B_TO_C_LEAKS = "b of hosta (db, 10.0.0.2) reaches c of hostb (web, 10.0.0.3)"
B_TO_A_LEAKS = "b of hosta (db, 10.0.0.2) reaches a of hosta (web, 10.0.0.1)"
B_TO_D_TWICE = "b of hosta (db, 10.0.0.2) finds more than one interface at the address of d of hostb (db, 10.0.0.1)"
B_TO_D_SILENT = "b of hosta (db, 10.0.0.2) does not reach d of hostb (db, 10.0.0.1)"


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        (GOOD[1:], [A_TO_C_SILENT]),
        ([*GOOD, ("b", "c")], [B_TO_C_LEAKS]),
        # a and d have the same address in two VLANs: only the MAC tells that it was a that answered.
        ([*GOOD, ("b", "a")], [B_TO_A_LEAKS, B_TO_D_TWICE]),
        ([*(pair for pair in GOOD if pair != ("b", "d")), ("b", "a")], [B_TO_A_LEAKS, B_TO_D_SILENT]),
    ],
)
def test_wrong_cells(answers, wrong):
    assert list(matrix.matrix(fleet(), seen(answers)).wrong) == wrong


def test_a_host_that_was_not_asked_leaves_its_cells_open():
    shown = seen(GOOD)
    del shown["hostb"]
    found = matrix.matrix(fleet(), shown)
    assert rows(found) == [["=", "?", ".", "?"], ["?", "=", "?", "?"], [".", "?", "=", "?"], ["?", "?", "?", "="]]
    assert found.wrong == (
        "c of hostb (web, 10.0.0.3) could not be checked: hostb was not asked",
        "d of hostb (db, 10.0.0.1) could not be checked: hostb was not asked",
    )
    assert found.lines[-1].startswith("12 pairs, 10 not as they should be")


def test_an_interface_that_could_not_ask_is_told_once_with_the_reason():
    shown = seen(GOOD)
    shown["hostb"]["probes"][0].update(mac=None, neighbours={}, problem="it does not run")
    found = matrix.matrix(fleet(), shown)
    assert found.wrong == ("c of hostb (web, 10.0.0.3) could not be checked: it does not run",)
    assert found.lines[-1].startswith("12 pairs, 6 not as they should be")


def test_what_has_no_address_is_named_and_not_checked():
    bare = {
        "hosta": {"uplink": "eth1", "vlans": {"iso": {"id": 100}}, "containers": [{"container": "a", "vlan": "iso"}]}
    }
    found = matrix.matrix(vlan_fleet.read(bare, {}), {})
    assert found.lines[-1] == "Left out, as neither an entry nor a subnet gives them an address: a of hosta (iso)"


def test_many_wrong_cells_stay_readable():
    assert matrix.told([str(number) for number in range(23)]).endswith("; 19; and 3 more")


def test_both_families_of_a_vlan_are_asked_for():
    variables = {
        host: {
            "uplink": "eth1",
            "vlans": {
                "web": {"id": 100, "subnet": ["10.0.0.0/24", "fd00::/64"]},
                "db": {"id": 200, "subnet": "10.0.0.0/24"},
            },
        }
        for host in ("hosta", "hostb")
    }
    variables["hosta"]["containers"] = [{"container": "a", "vlan": "web", "address": ["10.0.0.1", "fd00::1"]}]
    variables["hostb"]["containers"] = [
        {"container": "c", "vlan": "web", "address": ["10.0.0.3", "fd00::3"]},
        {"container": "d", "vlan": "db", "address": "10.0.0.4"},
    ]
    both = vlan_fleet.read(variables, {})
    assert both.problems == ()
    hosts = {"a": "hosta", "c": "hostb", "d": "hostb"}

    def answering(**answers):
        shown = {"hosta": {"probes": []}, "hostb": {"probes": []}}
        for name, host in hosts.items():
            neighbours = {address: [MACS[who]] for address, who in answers.get(name, {}).items()}
            shown[host]["probes"].append(
                {"container": name, "interface": "eth1", "mac": MACS[name], "neighbours": neighbours}
            )
        return matrix.matrix(both, shown)

    well = {"a": {"10.0.0.3": "c", "fd00::3": "c"}, "c": {"10.0.0.1": "a", "fd00::1": "a"}}
    found = answering(**well)
    assert found.wrong == () and found.cells == 6
    assert found.lines[1].split()[5] == "10.0.0.1,fd00::1"
    assert answering(**{**well, "a": {"10.0.0.3": "c"}}).wrong == (
        "a of hosta (web, 10.0.0.1 and fd00::1) does not reach c of hostb (web, fd00::3)",
    )
    assert answering(**{**well, "d": {"fd00::1": "a"}}).wrong == (
        "d of hostb (db, 10.0.0.4) reaches a of hosta (web, fd00::1)",
    )


def test_a_matrix_without_a_pair_says_that_nothing_was_checked():
    alone = {
        "hosta": {"uplink": "eth1", "vlans": {"web": {"id": 100}}, "containers": [{"container": "a", "vlan": "web"}]}
    }
    found = matrix.matrix(vlan_fleet.read(alone, {}), {})
    assert found.wrong == () and found.lines[-2].startswith("0 pairs")
    assert found.warnings == (
        "nothing was checked: it takes two containers with addresses, and the variables of the hosts hold 0",
    )
    assert matrix.matrix(fleet(), seen(GOOD)).warnings == ()
