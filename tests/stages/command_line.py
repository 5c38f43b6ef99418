# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked of the program."""

from __future__ import annotations

import argparse
import io
import pathlib
import signal
import sys

from .bench import ROOT, Asked
from .clock import WHOLE
from .run import STAGES, run_stages, wanted
from .selection import NotATest, select
from .summary import show

EPILOG = """\
stages:
{stages}

Without a stage or a test, all of them run; vm only with --deep or where it is named. It needs QEMU, which is installed
then, and some minutes to make the machine's disk, which is kept.
  scripts/test.sh vm

tests, after --: files, folders or single tests of tests/unit (stage units), tests/lab or tests/integration (stage
integration), tests/vm (stage vm), from where you stand or from the clone's root. Their stages need no naming.
  scripts/test.sh units -- tests/unit/plugins/module_utils/model/test_publication.py
  scripts/test.sh integration -- tests/integration/test_ovsdb.py::test_every_character_survives

Nothing but the whole run has a limit: after {minutes:.0f} minutes what still runs is ended and fails.

The end names the ten slowest test files. The last line is always: N passed, N failed, N skipped.
"""


def parse(words: list[str]) -> argparse.Namespace:
    stages = "\n".join(f"  {name:12} {stage.__doc__}" for name, stage in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/test.sh",
        usage="%(prog)s [-h] [--deep] [--keep] [stage ...] [-- test ...]",
        description="Runs every test of the collection, as root on Debian 12.\n"
        "Installs what is missing first: see scripts/prepare.sh --help.",
        epilog=EPILOG.format(stages=stages, minutes=WHOLE / 60),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    beside = "run only these (default: all but vm; integration runs beside the others)"
    parser.add_argument("stages", nargs="*", metavar="stage", help=beside)
    more = "let tests that try many examples try many more (tests/effort.py), and run the stage vm too"
    parser.add_argument("--deep", action="store_true", help=more)
    parser.add_argument("--keep", action="store_true", help="keep the copy of the tree that the tests ran in")
    options, typed = split(words)
    arguments = parser.parse_args(options)
    if typed == []:
        parser.error("no test after --")
    unknown = set(arguments.stages) - set(STAGES)
    if unknown:
        parser.error(f"no such stage: {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    try:
        arguments.chosen = select(typed or [], pathlib.Path.cwd(), ROOT)
    except NotATest as problem:
        parser.error(str(problem))
    if arguments.chosen and set(arguments.stages) - set(arguments.chosen):
        parser.error(f"the tests after -- are of {' and '.join(arguments.chosen)}; name no other stage with them")
    return arguments


def split(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What stands before --, and what after it; argparse would take both for stages."""
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def main(words: list[str]) -> int:
    arguments = parse(words)
    # A line at once, also into a file: the commands that run write to the same place.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    # So that a run that is ended from outside still removes what it made.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # A shell that starts a run in the background has it ignore SIGINT, as would all that it runs: they are ended by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    names = wanted(arguments.stages, arguments.chosen, arguments.deep)
    results = run_stages(names, Asked(arguments.chosen, arguments.deep, arguments.keep))
    return 1 if show(results) else 0
