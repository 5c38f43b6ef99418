# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""What a NIC and its bridge are to hold, and the steps from what they hold to that. Pure. Private to the collection.

The same steps move, take back, undo and complete what was left half-way: only the goal is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ..model.addresses import IPV4, IPV6, is_link_local, network
from ..model.bridge_vlans import DEFAULT_PVID, PortVlans, default, described
from ..model.names import IFNAMSIZ
from ..model.nic_move import LINUX
from ..model.wanted_vlans import WantedVlans
from ..state.nic import ADDRESS, NEIGHBOUR, ROUTE, RULE, Entry, NicState
from .nic_steps import (
    AddEntry,
    Announce,
    ChangeBridge,
    DeleteBridge,
    DropSubnet,
    Filter,
    Join,
    Leave,
    MakeBridge,
    RemoveEntry,
    ReplaceRoute,
    SetSysctls,
    SetUp,
    SetVlans,
    Step,
    told,
)

_OF_IPV6 = "net/ipv6/conf"
_OF_IPV4 = "net/ipv4/conf"
_GENERATES, _GENERATES_NONE = "addr_gen_mode", "1"
# The kernel sets it as a link comes up, or speaks IPv6 again (addrconf_notify()).
_AFTER_ALL = (f"{_OF_IPV6}/{{}}/mtu",)
_PROMOTES = f"{_OF_IPV4}/{{}}/promote_secondaries"

# A port in userspace is a NIC to which the kernel listens, too: without these the host would answer twice.
_DEAF = {f"{_OF_IPV4}/{{}}/rp_filter": "1", f"{_OF_IPV4}/{{}}/arp_ignore": "8", f"{_OF_IPV6}/{{}}/disable_ipv6": "1"}


def moved(have: NicState, kind: str, netdev: bool, wanted: WantedVlans | None = None) -> NicState:
    """Return the goal of a NIC that is to be the port of a bridge of a kind, with the VLANs that are wanted."""
    made = not have.bridge_kind
    sysctls = dict(have.sysctls)
    if made:
        sysctls.update(_renamed(have.sysctls, have.nic, have.bridge))
    if not have.master:
        sysctls.update(_as_port(have, netdev))
    return have._replace(
        bridge_kind=kind,
        master=have.bridge,
        up=True,
        bridge_mac=have.mac if made else have.bridge_mac,
        bridge_mtu=have.mtu if made else have.bridge_mtu,
        bridge_up=True,
        ours=have.ours or made,
        netdev=netdev,
        entries=_on(have.entries, have.nic, have.bridge, lambda entry: not _is_idle(have, entry)),
        sysctls=sysctls,
        **_with_vlans(have, kind, wanted),
    )


def _with_vlans(have: NicState, kind: str, wanted: WantedVlans | None) -> dict[str, Any]:
    """Return what of a state says which VLANs bridge and ports are to have."""
    if wanted is None or kind != LINUX:
        return {}
    goals, filters = wanted.goals, have.filters if wanted.filtering is None else wanted.filtering
    pvid = have.pvid
    if not have.bridge_kind and wanted.asked:
        # Who joins it later without VLANs is where the host is, as on a bridge without any. A boot has only this
        # default, too: no manager of networks takes VLANs away that the kernel gave.
        own = goals.get(have.bridge, default(DEFAULT_PVID))
        pvid = next((one.first for one in own if one.pvid and one.untagged), DEFAULT_PVID)
    vlans: dict[str, PortVlans] = dict(have.vlans)
    if wanted.asked or filters:
        vlans.setdefault(have.bridge, default(pvid))
        vlans.setdefault(have.nic, default(pvid))
    return {"filters": filters, "pvid": pvid, "vlans": {**vlans, **goals}}


def taken_back(have: NicState, before: NicState | None) -> NicState:
    """Return the goal of a NIC that is to have everything of its bridge again.

    ``before`` is what it was before it became a port, where that is known. A bridge of ours goes, unless it was there
    then or has other ports.
    """
    stays = bool(have.ports) or not have.ours or bool(before is not None and before.bridge_kind)
    own = dict(before.sysctls) if before is not None else _as_bridge(have)
    # What is not there is as the link has it, and may be otherwise than the NIC had it.
    shown = [*have.sysctls, *(name for name in _named(_AFTER_ALL, have.nic) if name in own)]
    sysctls = {name: own.get(name) or have.sysctls[name] for name in shown if _is_of(name, have.nic)}
    kept = {name: value for name, value in have.sysctls.items() if stays and _is_of(name, have.bridge)}
    entries = _on(have.entries, have.bridge, have.nic, _coming_along(have, before, stays))
    return have._replace(
        bridge_kind=have.bridge_kind if stays else "",
        master="",
        up=True,
        bridge_mac=have.bridge_mac if stays else "",
        bridge_mtu=have.bridge_mtu if stays else 0,
        bridge_up=have.bridge_up and stays,
        entries=tuple(entry for entry in entries if stays or have.bridge not in entry.links),
        sysctls={**sysctls, **kept},
        filters=have.filters and stays,
        pvid=have.pvid if stays else 0,
        vlans={name: held for name, held in have.vlans.items() if stays and name != have.nic},
    )


def _is_idle(have: NicState, entry: Entry) -> bool:
    """Tell whether a NIC that is a port already made itself a link-local address, as some managers let it."""
    return bool(have.master) and _is_link_local(entry) and entry.links == (have.nic,)


def _is_link_local(entry: Entry) -> bool:
    return entry.kind == ADDRESS and entry.family == IPV6 and is_link_local(entry.text)


def _coming_along(have: NicState, before: NicState | None, stays: bool) -> Callable[[Entry], bool]:
    """Return what tells whether an entry of a bridge is the NIC's: it had it, or its network gave it.

    Of a bridge that goes it is all, but for a link-local address of the bridge's own.
    """
    if before is None:
        return lambda entry: not (stays and _is_link_local(entry))
    its_own = {_moved_entry(one, have.nic, have.bridge).same for one in before.entries if have.nic in one.links}

    def comes(entry: Entry) -> bool:
        if not stays and not _is_link_local(entry):
            return True
        return entry.expires or (entry.kind == ROUTE and entry.text.startswith("default")) or entry.same in its_own

    return comes


def _on(entries: Sequence[Entry], former: str, new: str, goes: Callable[[Entry], bool]) -> tuple[Entry, ...]:
    """Return entries with all that is ``former``'s and ``goes`` on ``new``; each once."""
    found: dict[object, Entry] = {}
    # What the new one has already comes first: it is the one whose addresses stay where they are.
    for entry in sorted(entries, key=lambda entry: former in entry.links):
        moving = _moved_entry(entry, former, new) if former in entry.links and goes(entry) else entry
        # A link has an address once, whatever else is said of it.
        key = (moving.links, moving.text) if moving.kind == ADDRESS else moving.same
        found.setdefault(key, moving)
    return tuple(found.values())


def _moved_entry(entry: Entry, former: str, new: str) -> Entry:
    label = entry.label
    if label == former or label.startswith(f"{former}:"):
        label = (new + label[len(former) :])[:IFNAMSIZ]
    return entry._replace(links=tuple(new if link == former else link for link in entry.links), label=label)


def sysctls_of_port(nic: str) -> dict[str, str]:
    """Return the sysctls that a NIC needs over each boot as a port of Open vSwitch in userspace."""
    return {name.format(nic): value for name, value in _DEAF.items()}


def _as_port(have: NicState, netdev: bool) -> dict[str, str]:
    """Return the sysctls of a NIC that has no addresses of its own any more."""
    wanted = {f"{_OF_IPV6}/{{}}/{_GENERATES}": _GENERATES_NONE, **(_DEAF if netdev else {})}
    named = {name.format(have.nic): value for name, value in wanted.items()}
    return {name: value for name, value in named.items() if name in have.sysctls}


def _as_bridge(have: NicState) -> dict[str, str]:
    """Return those of a NIC's sysctls that it had to give up as a port, as its bridge has them."""
    given_up = {*_as_port(have, have.netdev), *_named(_AFTER_ALL, have.nic)}
    return {name: value for name, value in _renamed(have.sysctls, have.bridge, have.nic).items() if name in given_up}


def _renamed(sysctls: Mapping[str, str], former: str, new: str) -> dict[str, str]:
    return {
        "/".join((*name.split("/")[:3], new, *name.split("/")[4:])): value
        for name, value in sysctls.items()
        if _is_of(name, former)
    }


def _named(sysctls: Sequence[str], link: str) -> list[str]:
    return [name.format(link) for name in sysctls]


def _is_of(name: str, link: str) -> bool:
    """Tell whether a sysctl (net/ipv4/conf/LINK/NAME) is a link's."""
    return name.split("/")[3] == link


def steps(now: NicState, goal: NicState) -> list[Step]:
    """Return what brings a host from what it is to a goal, in an order in which it is never without an address."""
    lost = _left(now.entries, goal.entries)
    gained = _gained(now, goal, lost)
    found: list[Step] = []
    found += _bridge_first(now, goal)
    speaks = f"{_OF_IPV6}/{goal.nic}/disable_ipv6"
    first = {speaks} if goal.sysctls.get(speaks) == "0" and now.sysctls.get(speaks) == "1" else set()
    found += _sysctls(now, goal, first)
    if now.filters and not goal.filters and goal.bridge_kind:
        found.append(Filter(goal.bridge, False))
    if now.master != goal.master:
        kind = goal.bridge_kind or now.bridge_kind
        found.append(Join(goal.nic, goal.bridge, kind) if goal.master else Leave(goal.nic, goal.bridge, kind))
    if goal.up and not now.up:
        found.append(SetUp(goal.nic, True))
    # What comes to a link after the look must not go with the first address of its subnet (__inet_del_ifa()).
    losing = sorted({entry.links[0] for entry in lost if _is_ipv4_address(entry)})
    promoting = [_PROMOTES.format(link) for link in losing if now.sysctls.get(_PROMOTES.format(link)) == "0"]
    found += [SetSysctls(dict.fromkeys(promoting, "1"))] if promoting else []
    found += _vlan_steps(now, goal)
    # One that keeps its place but has to come after others goes and comes again.
    again = {entry.same for entry in lost} & {entry.same for entry in gained}
    found += [RemoveEntry(entry) for entry in reversed(now.entries) if entry.same in again]
    found += _additions(gained, lost)
    replaced = {step.instead.same for step in found if isinstance(step, ReplaceRoute)}
    done = replaced | again
    rest = [entry for entry in lost if entry.same not in done]
    found += [RemoveEntry(entry) for entry in rest if entry.kind != ADDRESS]
    # With one without a lifetime goes the route to its subnet, if no other has it then (check_cleanup_prefix_route()).
    # What came last goes first, so that those that are left are where they are to be if this goes no further.
    addresses = [entry for entry in rest if entry.kind == ADDRESS]
    rest = [entry for entry in reversed(addresses) if entry.family == IPV4]
    rest += [entry for entry in addresses if entry.family != IPV4]
    found += [RemoveEntry(entry) for entry in sorted(rest, key=lambda entry: not entry.expires)]
    found += _subnets_left(rest, goal)
    as_before = {name: goal.sysctls[name] for name in promoting if goal.sysctls.get(name) == "0"}
    found += [SetSysctls(as_before)] if as_before else []
    if not goal.up and now.up:
        found.append(SetUp(goal.nic, False))
    if now.bridge_kind and not goal.bridge_kind and now.ours:
        found.append(DeleteBridge(goal.bridge, now.bridge_kind))
    lost_with_it = set(_named(_AFTER_ALL, goal.nic)) if first else set()
    shown = {name: value for name, value in now.sysctls.items() if name not in lost_with_it}
    found += _sysctls(now._replace(sysctls=shown), goal, set(goal.sysctls) - first)
    return [*found, *_announcements(gained)]


def _vlan_steps(now: NicState, goal: NicState) -> Iterator[Step]:
    """Set VLANs, and only then let the bridge filter: so nothing is cut off in between."""
    if not goal.bridge_kind:
        return
    for name, wanted in goal.vlans.items():
        # What joins has the default; another port that is gone has none, and needs none.
        joined = default(goal.pvid) if name in (goal.nic, goal.bridge) else wanted
        if now.vlans.get(name, joined) != wanted:
            yield SetVlans(goal.bridge, name, wanted)
    if goal.filters and not now.filters:
        yield Filter(goal.bridge, True)


def _bridge_first(now: NicState, goal: NicState) -> Iterator[Step]:
    if not goal.bridge_kind:
        return
    if not now.bridge_kind:
        own = {name: value for name, value in goal.sysctls.items() if _is_of(name, goal.bridge)}
        # An address that it gave itself would have to be looked for duplicates first.
        quiet = f"{_OF_IPV6}/{goal.bridge}/{_GENERATES}"
        own = {**own, quiet: _GENERATES_NONE} if quiet in own else own
        yield MakeBridge(goal.bridge, goal.bridge_kind, goal.bridge_mac, goal.bridge_mtu, goal.netdev, own, goal.pvid)
        return
    if (now.bridge_mac, now.bridge_mtu) != (goal.bridge_mac, goal.bridge_mtu):
        yield ChangeBridge(goal.bridge, goal.bridge_mac, goal.bridge_mtu)
    if now.bridge_up != goal.bridge_up:
        yield SetUp(goal.bridge, goal.bridge_up)


def _sysctls(now: NicState, goal: NicState, names: Collection[str]) -> Iterator[Step]:
    made = goal.bridge_kind and not now.bridge_kind
    after = _named(_AFTER_ALL, goal.bridge)
    other = {
        name: value
        for name, value in goal.sysctls.items()
        if name in names
        and now.sysctls.get(name) != value
        and not (_is_of(name, goal.bridge) and made and name not in after)
    }
    if made and names:
        quiet = f"{_OF_IPV6}/{goal.bridge}/{_GENERATES}"
        if goal.sysctls.get(quiet, _GENERATES_NONE) != _GENERATES_NONE and quiet in names:
            other[quiet] = goal.sysctls[quiet]
    if other:
        yield SetSysctls(other)


def _left(now: Sequence[Entry], goal: Sequence[Entry]) -> list[Entry]:
    """Return what is there and is not to be; IPv4 addresses that stand before one that is missing are among them."""
    wanted = {entry.same for entry in goal}
    found = [entry for entry in now if entry.same not in wanted]
    # A link and a rank at a time: among those the kernel puts what comes last last.
    places = {(entry.links[0], entry.rank) for entry in goal if _is_ipv4_address(entry)}
    for link, rank in sorted(places):
        held = [entry for entry in _in_order(now, link) if entry.rank == rank and entry.same in wanted]
        order = [entry.same for entry in _in_order(goal, link) if entry.rank == rank]
        in_place = 0
        for entry, same in zip(held, order):
            if entry.same != same:
                break
            in_place += 1
        found += held[in_place:]
    return found


def _in_order(entries: Sequence[Entry], link: str) -> list[Entry]:
    """Return a link's IPv4 addresses in the order that the kernel gives them, whatever they came in."""
    return sorted((one for one in entries if _is_ipv4_address(one) and link in one.links), key=lambda one: one.rank)


def _is_ipv4_address(entry: Entry) -> bool:
    return entry.kind == ADDRESS and entry.family == IPV4


def _gained(now: NicState, goal: NicState, lost: Sequence[Entry]) -> list[Entry]:
    """Return what is to be made, in an order in which the kernel shows it as it was."""
    there = {entry.same for entry in now.entries} - {entry.same for entry in lost}
    missing = [entry for entry in goal.entries if entry.same not in there]
    addresses = [entry for entry in missing if entry.kind == ADDRESS]
    # Of IPv6 the kernel puts what comes last first (ipv6_link_dev_addr()).
    found = [one for one in addresses if one.family == IPV4]
    found += [one for one in reversed(addresses) if one.family != IPV4]
    routes = [entry for entry in missing if entry.kind == ROUTE]
    # A gateway must be within reach by a route that is there.
    found += sorted(routes, key=lambda entry: " via " in entry.text or len(entry.links) > 1)
    return found + [entry for entry in missing if entry.kind in (RULE, NEIGHBOUR)]


def _additions(gained: Sequence[Entry], lost: Sequence[Entry]) -> Iterator[Step]:
    going = {(entry.family, entry.identity): entry for entry in lost if entry.kind == ROUTE}
    for entry in gained:
        # Of IPv6, one beside the other would be one route by two ways.
        instead = going.get((entry.family, entry.identity)) if entry.kind == ROUTE else None
        if instead is not None and entry.family != IPV4:
            yield ReplaceRoute(entry, instead)
        else:
            yield AddEntry(entry)


def _subnets_left(lost: Sequence[Entry], goal: NicState) -> Iterator[Step]:
    """Drop the routes to subnets that the kernel leaves behind with addresses that had a lifetime."""
    kept = {(entry.links[0], network(entry.text)) for entry in goal.entries if entry.kind == ADDRESS}
    going = {(entry.links[0], network(entry.text)) for entry in lost if entry.family == IPV6 and entry.expires}
    for link, subnet in sorted(going - kept):
        yield DropSubnet(link, subnet)


def _announcements(gained: Sequence[Entry]) -> Iterator[Step]:
    by_link: dict[str, list[str]] = {}
    for entry in gained:
        if entry.kind == ADDRESS:
            by_link.setdefault(entry.links[0], []).append(entry.text.partition("/")[0])
    for link, addresses in by_link.items():
        yield Announce(link, tuple(addresses))


def came_later(before: NicState, goal: NicState, now: NicState) -> list[Entry]:
    """Return what somebody else put on the link that is left, since it was looked at: it is to go along.

    What comes to a bridge that stays is left to it.
    """
    if goal.bridge_kind and not goal.master:
        return []
    former = before.bridge if before.master and not goal.master else before.nic
    known = {_which(entry) for state in (before, goal) for entry in state.entries}
    found = [entry for entry in now.entries if former in entry.links and _which(entry) not in known]
    return [entry for entry in found if not _is_idle(now, entry)]


def _which(entry: Entry) -> object:
    """Return by what an entry is found again, also where somebody gave an address another flag."""
    return (entry.kind, entry.text) if entry.kind == ADDRESS else entry.same


def keeping_later(before: NicState, goal: NicState, now: NicState) -> NicState:
    """Return what a move that is undone leads to: as it was, and with the addresses that came later."""
    later = [entry for entry in came_later(before, goal, now) if entry.kind == ADDRESS and not entry.temporary]
    return before._replace(entries=(*before.entries, *later))


def with_later(before: NicState, goal: NicState, later: Sequence[Entry]) -> tuple[NicState, NicState]:
    """Return a move's two states with what came later: so it is neither left behind nor lost where it is undone."""
    former, new = (goal.bridge, goal.nic) if not goal.master else (goal.nic, goal.bridge)
    return (
        before._replace(entries=(*before.entries, *later)),
        goal._replace(entries=_on((*goal.entries, *later), former, new, lambda entry: entry in later)),
    )


def differences(wanted: NicState, now: NicState) -> list[str]:
    """Return in what a host is not as it was to be, a line each; none where all is."""
    found = [f"{entry} is missing" for entry in _without(wanted.entries, now.entries)]
    found += [f"{entry} is left over" for entry in _without(now.entries, wanted.entries)]
    marked = {entry.same for entry in now.entries if entry.temporary}
    there = {entry.same for entry in now.entries}
    for entry in wanted.entries:
        if entry.temporary and entry.same in there - marked:
            found.append(f"{entry} is no temporary one (RFC 8981) any more, a mark that the kernel takes from nobody")
    found += [line for _what, line in link_differences(wanted, now)]
    for name, value in wanted.sysctls.items():
        if name in now.sysctls and now.sysctls[name] != value:
            shown = told(name, now.sysctls[name])
            found.append(f"sysctl {name.replace('/', '.')} is {shown}, and was to be {told(name, value)}")
    for link in (wanted.nic, wanted.bridge):
        orders = [[one.text for one in _in_order(state.entries, link)] for state in (wanted, now)]
        if sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]:
            found.append(f"IPv4 addresses of {link} are in another order: {', '.join(orders[1])}")
    return found


def link_differences(wanted: NicState, now: NicState) -> list[tuple[str, str]]:
    """Return in what NIC and bridge themselves are not as they were to be: what it is, and a line on it."""
    found = []
    for name in ("bridge_kind", "master", "mac", "mtu", "up", "bridge_mac", "bridge_mtu", "bridge_up"):
        old, new = getattr(wanted, name), getattr(now, name)
        if old != new:
            link = wanted.bridge if name.startswith("bridge") else wanted.nic
            what = f"{name.replace('bridge_', '')} of {link}"
            found.append((what, f"{what} is {new or 'none'}, and was to be {old or 'none'}"))
    if wanted.filters != now.filters and now.bridge_kind and wanted.bridge_kind:
        what = f"vlan_filtering of {wanted.bridge}"
        found.append((what, f"{what} is {str(now.filters).lower()}, and was to be {str(wanted.filters).lower()}"))
    for name, vlans in wanted.vlans.items():
        if now.vlans.get(name, vlans) != vlans:
            what = f"VLANs of {name}"
            found.append((what, f"{what} are {described(now.vlans[name])}, and were to be {described(vlans)}"))
    return found


def _without(entries: Sequence[Entry], others: Sequence[Entry]) -> list[Entry]:
    there = {entry.same for entry in others}
    return [entry for entry in entries if entry.same not in there]
