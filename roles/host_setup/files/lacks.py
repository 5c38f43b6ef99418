# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what the collection's modules lack on this host: a line each, and status 3 if there is one.

The role host_setup runs it with the interpreter that Ansible runs modules with,
so it finds what they would find. Its arguments are the oldest pyroute2 that
will do, and "openvswitch" where Open vSwitch is to run. Status 1 is Python's own,
for a program or a library that broke.

Valid for Python 3.6, to be able to say that such a one is too old.
"""

import importlib
import os
import re
import shutil
import socket
import sys

OLDEST_PYTHON = (3, 9)
OVSDB_SOCKET = "/var/run/openvswitch/db.sock"


def main(oldest_pyroute2, *wanted):
    lacking = [python(), library("pyroute2", oldest_pyroute2), library("netaddr"), program("nft")]
    if "openvswitch" in wanted:
        lacking.append(open_vswitch())
    lines = [line for line in lacking if line]
    print("\n".join(lines))
    return 3 if lines else 0


def python():
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return None
    return "Python {}.{} is too old; {}.{} or later is needed".format(*sys.version_info[:2], *OLDEST_PYTHON)


def library(name, oldest=None):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return f"{name} can't be imported ({error})"
    if oldest is None:
        return None
    version = version_of(name, module)
    if numbers(version) >= numbers(oldest):
        return None
    return f"{name} {version} is too old; {oldest} or later is needed"


def version_of(name, module):
    try:
        from importlib import metadata

        return metadata.version(name)
    except ImportError:  # no such module before Python 3.8, or a library without metadata
        return getattr(module, "__version__", "of an unknown version")


def numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def program(name):
    # As the modules look for it: sbin is not on every user's PATH.
    path = "{}:/usr/sbin:/sbin".format(os.environ.get("PATH", ""))
    return None if shutil.which(name, path=path) else f"the program {name} is not installed"


def open_vswitch():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as database:
        try:
            database.connect(OVSDB_SOCKET)
        except OSError as error:
            return f"Open vSwitch does not run ({OVSDB_SOCKET}: {error.strerror})"
    return None


sys.exit(main(*sys.argv[1:]))
