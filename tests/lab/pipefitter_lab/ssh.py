# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH into the hosts: keys, who is known, the daemon's settings, the inventory, and the way into the LAN."""

from __future__ import annotations

import os
import shlex
from concurrent.futures import ThreadPoolExecutor

from .commands import run
from .layout import Layout
from .spec import Spec

_SSHD_CONFIG = """\
# Written by the test lab.
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxStartups 100
MaxSessions 100
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def make_keys(layout: Layout, spec: Spec) -> None:
    """One key for the person, one for each host, and a file of known hosts; nothing of the user's own is touched."""
    os.makedirs(layout.ssh)
    os.makedirs(layout.ssh_control, mode=0o700, exist_ok=True)
    paths = [layout.private_key] + [layout.host_key(host) for host in spec.host_names]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(_make_key, paths))
    with open(layout.known_hosts, "w", encoding="ascii") as file:
        for host in spec.host_names:
            with open(f"{layout.host_key(host)}.pub", encoding="ascii") as public:
                kind, key = public.read().split()[:2]
            file.write(f"{spec.address(host)},{spec.ipv6(host)},{host} {kind} {key}\n")


def _make_key(path: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", os.path.basename(path), "-f", path])


def install(etc: str, root_home: str, layout: Layout, host: str) -> None:
    """Write what sshd needs into the host's folders `etc` and `root_home`."""
    os.makedirs(f"{etc}/ssh", exist_ok=True)
    _write(f"{etc}/ssh/sshd_config", _SSHD_CONFIG, 0o644)
    _write(f"{etc}/ssh/ssh_host_ed25519_key", _read(layout.host_key(host)), 0o600)
    _write(f"{etc}/ssh/ssh_host_ed25519_key.pub", _read(f"{layout.host_key(host)}.pub"), 0o644)
    os.makedirs(f"{root_home}/.ssh", mode=0o700, exist_ok=True)
    _write(f"{root_home}/.ssh/authorized_keys", _read(f"{layout.private_key}.pub"), 0o600)
    # Without PAM sshd refuses an account whose password field begins with "!".
    shadow = _read(f"{etc}/shadow").splitlines(keepends=True)
    _write(f"{etc}/shadow", "".join(_unlocked(line) for line in shadow), 0o640)


def _unlocked(line: str) -> str:
    fields = line.split(":")
    if fields[0] == "root" and fields[1].startswith("!"):
        fields[1] = "*"
    return ":".join(fields)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, content: str, mode: int) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)


def start_daemon() -> None:
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    run(["/usr/sbin/sshd"])


def client_options(layout: Layout, lab_command: str) -> list[str]:
    """Options for ssh that reach the lab's hosts from the machine's ordinary network namespace.

    The proxy opens the connection inside the LAN's network namespace and hands the open socket over to ssh, so
    no process stands between the two. The user's own configuration and known hosts are left out: two
    labs may have the same addresses.
    """
    proxy = f"{shlex.quote(lab_command).replace('%', '%%')} proxy --name {layout.name} --pass-socket %h %p"
    options = {
        "ProxyCommand": proxy,
        "ProxyUseFdpass": "yes",
        "UserKnownHostsFile": layout.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "IdentityFile": layout.private_key,
    }
    return ["-F", "/dev/null"] + [part for key, value in options.items() for part in ("-o", f"{key}={value}")]


def inventory(layout: Layout, spec: Spec, lab_command: str) -> str:
    """A YAML inventory with the group `lab`."""
    lines = [
        f"# Of the lab {layout.name}. Where ssh says that its proxy dialer did not pass back a connection,",
        "# the lab isn't up:",
        f"# {lab_command} status",
        "---",
        "lab:",
        "  hosts:",
    ]
    for host in spec.host_names:
        lines += [f"    {host}:", f"      ansible_host: {spec.address(host)}"]
    arguments = shlex.join(client_options(layout, lab_command))
    lines += [
        "  vars:",
        "    ansible_user: root",
        f"    ansible_ssh_private_key_file: {layout.private_key}",
        f"    ansible_ssh_common_args: {_yaml(arguments)}",
        # Ansible names its control sockets after address, port and user alone: labs with the same addresses
        # would talk over each other's connections.
        f"    ansible_control_path_dir: {layout.ssh_control}",
        "    ansible_pipelining: true",
        "    ansible_ssh_pipelining: true",
        "    ansible_python_interpreter: /usr/bin/python3",
    ]
    return "\n".join(lines) + "\n"


def _yaml(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
