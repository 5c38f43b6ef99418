# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy routing rules and sysctls of attachments: whose they are, in what order they are set, what is refused."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import (
    MissingFeature,
    PipefitterError,
    Refused,
)
from ansible_collections.pipefitter.container_network.plugins.module_utils.model import attachment
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.attachment import ANY_BRIDGE, Purge
from ansible_collections.pipefitter.container_network.plugins.module_utils.model.rule import MARKS, Rule
from ansible_collections.pipefitter.container_network.plugins.module_utils.plan.attachment_result import (
    describe,
    predict,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import (
    Scene,
    scenes,
    wanted,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    lines,
    same,
    settles,
    takes_back,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.simulated_kernel import SimKernel
from hypothesis import given

_TABLE = {"from": "10.0.0.10", "table": "100"}
_IIF = {"iif": "eth9", "family": "both", "table": "100"}


def _wants(*items: dict[str, Any]) -> Any:
    return attachment.parse_list([{"bridge": "br0", **item} for item in items], {})


def _errand(scene: Scene, *items: dict[str, Any], purge: Purge | None = None) -> Errand:
    return Errand(scene.host, scene.present(_wants(*items), purge))


def _gone(scene: Scene, *items: dict[str, Any]) -> Errand:
    return Errand(scene.host, scene.absent(_wants(*({**item, "bridge": ANY_BRIDGE} for item in items))))


def _rules(scene: Scene, netns: str = "web2") -> list[str]:
    return sorted(f"{rule.protocol} {rule}" for rule in scene.host.namespaces[netns].rules.shown if rule.ours)


def _number(alias: str) -> int | None:
    digits = [letter for letter in alias.rpartition(" +")[2] if letter.isdigit()] if " +" in alias else []
    return int("".join(digits)) if digits else None


@given(scenes(), wanted())
def test_rules_and_sysctls_that_were_asked_for_are_there(scene, wants):
    if not settles(Errand(scene.host, scene.present(wants))):
        return
    for want in wants:
        link = scene.host.namespaces[want.target.value].links[want.interface]
        number = _number(link.peer.alias)
        shown = [rule for rule in link.namespace.rules.shown if rule.mark == number]
        if want.rules is not None:
            assert sorted(map(str, shown)) == sorted(map(str, want.rules))
            assert (number is None) == (not want.rules)
        for name, value in want.sysctls or ():
            assert link.namespace.read_sysctl(name.replace("IFNAME", want.interface)) == value


def test_each_attachment_has_its_own_rules():
    scene = Scene(SimKernel())
    one, two = {"container": "web2", "rules": [_TABLE, _IIF]}, {"container": "web2", "interface": "eth2"}
    assert settles(_errand(scene, one, {**two, "rules": [_TABLE]}))
    of_one = [
        "112 rule 1000: from 10.0.0.10/32 lookup 100",
        "112 rule 1001: from 0.0.0.0/0 iif eth9 lookup 100",
        "112 rule 1001: from ::/0 iif eth9 lookup 100",
    ]
    assert _rules(scene) == [*of_one, "113 rule 1000: from 10.0.0.10/32 lookup 100"]
    # Each by its own task, in any order, and with nothing said of rules.
    for other in ({**two, "rules": [_TABLE]}, one, two, {"container": "web2"}):
        assert lines(_errand(scene, other).plan()) == []
    assert settles(_errand(scene, {**two, "rules": []}))
    assert _rules(scene) == of_one
    # The number that is free is taken again, and none that is not.
    assert settles(_errand(scene, {"container": "web2", "interface": "eth3", "rules": [_TABLE]}))
    assert settles(_errand(scene, {**two, "rules": [_TABLE]}))
    assert [line[:3] for line in _rules(scene)] == ["112"] * 3 + ["113", "114"]
    assert settles(_gone(scene, {"container": "web2", "interface": "eth3"}))
    assert [line[:3] for line in _rules(scene)] == ["112"] * 3 + ["114"]
    assert settles(_gone(scene, one, two))
    assert _rules(scene) == []


def test_rules_of_nobody_go_with_the_first_that_asks_for_any():
    scene = Scene(SimKernel())
    one, two = {"container": "web2", "rules": [_TABLE]}, {"container": "web2", "interface": "eth2", "rules": [_IIF]}
    assert settles(_errand(scene, one, two))
    scene.host.namespaces["web2"].delete("eth1")
    assert _rules(scene)[0] == "112 rule 1000: from 10.0.0.10/32 lookup 100"
    assert lines(_errand(scene, {"container": "web2", "interface": "eth2"}).plan()) == []
    three = {"container": "web2", "interface": "eth3", "rules": []}
    told = lines(_errand(scene, two, three).plan())
    assert told.count("remove rule 1000: from 10.0.0.10/32 lookup 100 in web2") == 1
    assert settles(_errand(scene, two, three))
    assert [line[:3] for line in _rules(scene)] == ["113", "113"]


def test_rules_go_with_what_a_purge_takes_away():
    scene = Scene(SimKernel())
    one, two = {"container": "web2", "rules": [_TABLE]}, {"container": "web2", "interface": "eth2", "rules": [_IIF]}
    assert settles(_errand(scene, one, two))
    assert settles(_errand(scene, two, purge=Purge("br0")))
    assert [line[:3] for line in _rules(scene)] == ["113", "113"]


@pytest.mark.parametrize(
    "there",
    [
        [],
        [Rule(4, 1000, "10.0.0.0/8", table=7)],
        [Rule(4, 1000, "10.0.0.0/8", table=7), Rule(4, 1000, "10.0.0.10/32", table=100)],
        [Rule(4, 1000, "10.0.0.10/32", table=100), Rule(4, 1000, table=100)],
        [Rule(4, 1000, "10.0.0.10/32", table=100)] * 2,
        [Rule(4, 1000, "10.0.0.10/32", table=100, others=True)],
        [Rule(6, 1000, table=9), Rule(4, 999, table=9)],
    ],
)
def test_whatever_there_is_of_a_rule_becomes_what_is_wanted(there):
    """The kernel removes the first that has all that is asked for: a rule for all could stand behind one for few."""
    scene = Scene(SimKernel())
    one = {"container": "web2", "rules": [_TABLE]}
    assert settles(_errand(scene, one))
    scene.host.namespaces["web2"].rules.shown[1:] = there
    for index in range(8):
        assert takes_back(_errand(scene, one), index) == []
    assert settles(_errand(scene, one))
    assert _rules(scene) == ["112 rule 1000: from 10.0.0.10/32 lookup 100"]


def test_more_attachments_than_there_are_numbers_are_refused():
    scene = Scene(SimKernel())
    items = [{"container": "web2", "interface": f"eth{number}", "rules": [_TABLE]} for number in range(1, MARKS + 2)]
    with pytest.raises(Refused, match="rules: eth17 of container web2 is asked to have rules, and 16 attachments of"):
        _errand(scene, *items).plan()
    assert settles(_errand(scene, *items[:-1]))


def test_a_kernel_that_does_not_tell_whose_a_rule_is_is_told_of():
    scene = Scene(SimKernel())
    scene.host.kernel_version = (4, 16)
    with pytest.raises(
        MissingFeature, match="rules: this host has Linux 4.16, and the kernel tells whose a rule is from"
    ):
        _errand(scene, {"container": "web2", "rules": [_TABLE]}).plan()
    assert settles(_errand(scene, {"container": "web2", "rules": []}))


@pytest.mark.parametrize("asking", ["eth1", "eth2"])
def test_what_is_written_along_with_a_switch_is_written_again(asking):
    """Of another attachment of the list, too, whichever of them asks for the switch."""
    scene = Scene(SimKernel())
    interfaces = ("eth1", "eth2")
    own = {"net.ipv4.conf.IFNAME.forwarding": 1}
    assert settles(_errand(scene, *({"container": "web1", "interface": name} for name in interfaces)))
    ns = scene.host.namespaces["web1"]
    ns.links["eth0"].sysctls["ipv4/forwarding"] = "1"
    ns.links["eth1"].sysctls["ipv4/forwarding"] = "1"
    ns.sysctls["net/ipv4/ip_forward"] = "1"
    switch = {"net/ipv4/conf/all/forwarding": False}
    items = [
        {"container": "web1", "interface": name, "sysctls": {**own, **(switch if name == asking else {})}}
        for name in interfaces
    ]
    wants = _errand(scene, *items)
    for index in count():
        if index > len(wants.plan()):
            break
        assert takes_back(wants, index) == []
    told = lines(wants.plan())
    assert told[0] == "set sysctl net.ipv4.ip_forward from 1 to 0 in web1" and len(told) == 3
    assert settles(wants)
    assert [ns.links[name].sysctls["ipv4/forwarding"] for name in ("eth0", *interfaces)] == ["0", "1", "1"]


def test_check_mode_tells_of_both():
    scene = Scene(SimKernel())
    item = {"container": "web2", "rules": [_IIF], "sysctls": {"net.ipv4.conf.eth1.rp_filter": "02"}}
    sides = scene.sides(_wants(item))
    (told,) = predict(*sides)
    assert told["rules"] == [
        {"priority": 1000, "family": family, "iif": "eth9", "table": "100"} for family in ("ipv4", "ipv6")
    ]
    assert told["sysctls"] == {"net.ipv4.conf.IFNAME.rp_filter": "2"}
    assert settles(_errand(scene, item))
    (shown,) = describe(*scene.sides(_wants(item)))
    same({name: told[name] for name in ("rules", "sysctls")}, {name: shown[name] for name in ("rules", "sysctls")})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"net.ipv4.nosuch": 1}, "sysctls: web2 has no net.ipv4.nosuch; see whether it is written right"),
        ({"net.ipv4.conf.IFNAME.nosuch": 1}, "sysctls: web2 has no net.ipv4.conf.eth1.nosuch; see"),
        ({"net.ipv4.ip_forward": "on"}, r"net.ipv4.ip_forward is a number \(0 in web2\), and 'on' is not; give a"),
        ({"net.ipv4.ip_forward": "1 1"}, r"net.ipv4.ip_forward is a number \(0 in web2\), and '1 1' is not"),
    ],
)
def test_sysctls_that_can_not_be_are_refused(asked, said):
    with pytest.raises(PipefitterError, match=said):
        _errand(Scene(SimKernel()), {"container": "web2", "sysctls": asked}).plan()


def test_two_values_of_one_sysctl_of_a_container_are_refused():
    items = [
        {"container": "web2", "interface": f"eth{value + 1}", "sysctls": {"net.ipv4.ip_forward": value}}
        for value in range(2)
    ]
    with pytest.raises(Refused, match="net.ipv4.ip_forward is one for all of web2, and eth1 of container web2 asks"):
        _errand(Scene(SimKernel()), *items).plan()
