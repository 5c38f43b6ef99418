# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's Open vSwitch, started without ovs-ctl: that one wants to load a kernel module.

Bridges made in the lab need `datapath_type=netdev` unless the machine has the kernel datapath.
"""

from __future__ import annotations

import os

from .commands import run

DATABASE = "/etc/openvswitch/conf.db"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
RUN = "/run/openvswitch"
LOGS = "/var/log/openvswitch"


def start(host: str) -> None:
    """Start database and switch in this host; returns when both answer."""
    for folder in (RUN, LOGS):
        os.makedirs(folder, exist_ok=True)
    # The package links it into /var/lib/openvswitch, and ovsdb-tool resolves the link itself.
    run(["ovsdb-tool", "create", DATABASE, SCHEMA])
    run(
        [
            "ovsdb-server",
            DATABASE,
            f"--remote=punix:{RUN}/db.sock",
            "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
            f"--pidfile={RUN}/ovsdb-server.pid",
            f"--log-file={LOGS}/ovsdb-server.log",
            "-vconsole:off",
            "--detach",
            "--no-chdir",
        ]
    )
    version = run(["ovs-vswitchd", "--version"]).split("\n")[0].split()[-1]
    run(
        ["ovs-vsctl", "--no-wait", "--", "init", "--", "set", "Open_vSwitch", ".", f"ovs_version={version}"]
        + [f"external_ids:hostname={host}", f"external_ids:system-id={host}"]
    )
    run(
        [
            "ovs-vswitchd",
            f"unix:{RUN}/db.sock",
            f"--pidfile={RUN}/ovs-vswitchd.pid",
            f"--log-file={LOGS}/ovs-vswitchd.log",
            "-vconsole:off",
            "--detach",
            "--no-chdir",
        ]
    )
