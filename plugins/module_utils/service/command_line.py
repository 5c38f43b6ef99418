# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""The command ``pipefitter`` on a host. Private to the collection."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import PipefitterError
from ..reconcile.recording import PROGRAM
from . import version
from .output import complain, say

if TYPE_CHECKING:
    from ..model.record import Record
    from ..reconcile.passes import ObjectState


UNIT = "/etc/systemd/system/pipefitter.service"
"""Where the role host_setup puts the service's unit."""


def main(words: Sequence[str] | None = None) -> int:
    """Run a command by its words, and return its exit status."""
    try:
        try:
            return _run(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough (head); Python would complain of what it can't write as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(words: Sequence[str] | None) -> int:
    given = _parser().parse_args(words)
    try:
        return int(given.run(given))
    except PipefitterError as error:
        complain(f"pipefitter: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pipefitter",
        description="What playbooks asked for of this host's container networks: shown, and made again.",
    )
    parser.add_argument("--version", action="version", version=f"pipefitter {version.full()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="what is recorded, and whether it is so (changes nothing)")
    how = status.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="for programs; pipefitter(8) tells the form")
    how.add_argument(
        "--names", action="store_true", help="only the names of what is recorded, without a look at the host"
    )
    status.set_defaults(run=_status)
    reconcile = commands.add_parser("reconcile", help="make again, once, what is recorded and isn't so")
    reconcile.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    reconcile.add_argument("--diff", action="store_true", help="show what changes, as a unified diff")
    reconcile.set_defaults(run=_reconcile)
    watch = commands.add_parser("watch", help="follow engines and kernel, and make again what is recorded: the service")
    watch.add_argument(
        "--drift",
        choices=("repair", "report"),
        metavar="CHOICE",
        default="repair",
        help="what becomes of changes by hand, where a task didn't say it: repair (if left out) or report",
    )
    watch.set_defaults(run=_watch)
    wait = commands.add_parser(
        "wait",
        help="wait until a container's interface can be used",
        description="Waits until a container's interface is up, has a carrier and an address, and none of its IPv6 "
        "addresses is tentative. Exit status: 0 when it is so, 1 when the time is over.",
    )
    wait.add_argument("--container", required=True, metavar="NAME")
    wait.add_argument("--interface", default="eth1", metavar="NAME", help="eth1 if left out")
    wait.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="30 if left out")
    wait.add_argument("--route", action="store_true", help="wait for a default route too")
    wait.set_defaults(run=_wait)
    hook = commands.add_parser("hook", help="for OCI runtimes: attach the container whose state is on stdin")
    hook.set_defaults(run=_hook)
    forget = commands.add_parser("forget", help="take objects out of the record; what is there stays as it is")
    forget.add_argument("names", nargs="+", metavar="NAME", help="as status shows them, in quotes")
    forget.set_defaults(run=_forget)
    export = commands.add_parser("export", help="variables of the role bridge that make again what is recorded")
    export.add_argument("--bridge", metavar="NAME", help="needed where several bridges are recorded")
    export.set_defaults(run=_export)
    events = commands.add_parser("events", help="what was done and why, newest first")
    events.add_argument("--json", action="store_true", help="for programs")
    events.add_argument("--since", metavar="WHEN", help="not what is older: 10m, 2h, 3d, or a time as 2026-11-30T08:15")
    events.set_defaults(run=_events)
    return parser


def _reconcile(given: argparse.Namespace) -> int:
    from ..host.notices import Notice
    from ..reconcile import passes
    from . import state_file

    report = passes.run(check=given.check)
    if not given.check:
        state_file.keep_events(report.operations, [Notice("reconcile by hand")])
    for line in report.operations:
        say(line)
    if given.diff and report.before != report.after:
        for line in _diff(report.before, report.after):
            say(line)
    for warning in report.warnings:
        complain(f"warning: {warning}")
    for one in report.troubled:
        complain(f"{one.record}: {one.sentence}")
    return report.exit_status


def _diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Return the lines of a unified diff, as ansible-playbook --diff shows it."""
    import difflib

    from ..diff_yaml import as_yaml

    old, new = (as_yaml(side).splitlines() for side in (before, after))
    return difflib.unified_diff(old, new, "before", "after", lineterm="")


def _status(given: argparse.Namespace) -> int:
    if given.names:
        from .status_table import printable

        for record in _recorded(mend=False):
            say(printable(str(record)))
        return 0
    from ..reconcile import passes
    from . import hook_client, state_file, status_table

    report = passes.run(check=True)
    known = state_file.since()
    rows = [_row(one, known.get(str(one.record), ("", "", 0.0, ""))) for one in report.objects]
    runs = hook_client.answers()
    if given.json:
        for row in rows:
            if "since" in row:
                row["since"] = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(row["since"]))
        service = "running" if runs else "not running"
        told = {"version": version.full(), "service": service, "objects": rows, "to_do": report.operations}
        say(json.dumps(told, indent=1))
    else:
        say("\n".join(status_table.lines(rows)))
    if not runs and (os.path.exists(UNIT) or os.path.exists(PROGRAM)):
        advice = "systemctl start pipefitter" if os.path.exists(UNIT) else "run pipefitter watch"
        complain(f"warning: the service pipefitter is not running: nothing comes back by itself; {advice}")
    for warning in report.warnings:
        complain(f"warning: {warning}")
    return 1 if any(row["state"] == passes.FAILED for row in rows) else report.exit_status


def _row(one: ObjectState, known: Sequence[Any]) -> dict[str, Any]:
    from ..host import leases
    from ..reconcile.leasing import asks, path_of
    from ..reconcile.passes import DRIFTED, FAILED, IN_ORDER, REPAIRED

    state, why = one.told, one.sentence
    held, sentence, then, _instance = known
    if one.state == REPAIRED and held == FAILED:
        state, why = FAILED, str(sentence)  # the service tried what a look alone takes for possible
    if state == held == DRIFTED:
        why = str(sentence) or why  # that it is left so, a look alone doesn't know
    row: dict[str, Any] = {"kind": one.record.kind, "name": str(one.record), "state": state, "why": why}
    if held in (one.state, state):
        row["since"] = then
    if state in (IN_ORDER, DRIFTED) and asks(one.record):
        lease = leases.read(path_of(one.record))
        row.update(lease=lease.shown() if lease.holds else None, why=why or lease.told())
    return row


def _recorded(mend: bool) -> list[Record]:
    from ..model.record import KINDS
    from ..store.records import Store

    store = Store(mend)
    return [record for kind in KINDS for record in store.read(kind).values()]


def _watch(given: argparse.Namespace) -> int:
    from .watch import Watcher

    Watcher(given.drift).run()
    return 0


def _wait(given: argparse.Namespace) -> int:
    from . import waiting

    return waiting.wait(given.container, given.interface, given.timeout, given.route)


def _hook(_given: argparse.Namespace) -> int:
    from . import hook

    return hook.main()


def _forget(given: argparse.Namespace) -> int:
    from ..host import lock, service_wake
    from ..store.records import Store
    from .status_table import printable

    with lock.held():
        recorded = _recorded(mend=True)
        known = {name: record for record in recorded for name in (str(record), printable(str(record)))}
        unknown = [name for name in given.names if name not in known]
        if unknown:
            raise PipefitterError(f"{unknown[0]!r} is not in the record; {_advice(given.names, known)}")
        Store(mend=True).change((), [known[name] for name in given.names])
    service_wake.wake()  # no kernel tells it: clients of DHCP servers end with what they were for
    return 0


def _advice(names: Sequence[str], known: Collection[str]) -> str:
    """Return what to do about names of which one is not known."""
    whole = " ".join(names)
    if whole in known:
        return f"names have spaces and need quotes: pipefitter forget {shlex.quote(whole)}"
    quotes = "names have spaces and need quotes; " if len(names) > 1 else ""
    return f"{quotes}pipefitter status shows what is"


def _export(given: argparse.Namespace) -> int:
    from . import export

    say(export.document(given.bridge).rstrip("\n"))
    return 0


def _events(given: argparse.Namespace) -> int:
    from . import state_file
    from .since import time_of

    for entry in state_file.events(time_of("--since", given.since) if given.since is not None else 0.0):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["time"]))
        cause = f" [{entry['cause']}]" if entry["cause"] else ""
        say(json.dumps(entry) if given.json else f"{when} {entry['did']}{cause}")
    return 0
