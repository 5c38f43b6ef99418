# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps its files on the machine."""

from __future__ import annotations

import os

from .errors import LabError

# Not under /var: the hosts' /var is an overlay of the machine's, and the kernel refuses an overlay
# whose upper directory lies inside its own lower one. The same goes for /etc, /srv, /opt, ...
ROOT = "/pipefitter-lab"

# Of ssh's control sockets. Ansible makes the folder where it is missing, also for a lab that isn't up: below ROOT
# that would look like a lab which is being started.
SSH_CONTROL = "/run/pipefitter-lab"

DEFAULT_NAME = "lab"

# Kept over labs: the root file system of the image, wheels, byte code.
CACHE = "/var/cache/pipefitter-lab"

_NAME_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789-")


class Layout:
    """The paths of one lab."""

    def __init__(self, name: str) -> None:
        # An ssh control socket below must fit in 108 bytes, hence the bound.
        if not 1 <= len(name) <= 24 or name.startswith("-") or not set(name) <= _NAME_CHARACTERS:
            raise LabError(f"lab name {name!r}: 1 to 24 lower case letters, digits and '-', not beginning with '-'")
        self.name = name
        self.option = "" if name == DEFAULT_NAME else f" --name {name}"  # for messages that name a command
        self.root = os.path.join(ROOT, name)
        self.spec = os.path.join(self.root, "spec.json")
        self.record = os.path.join(self.root, "running.json")
        self.log = os.path.join(self.root, "log")
        self.ssh = os.path.join(self.root, "ssh")
        self.private_key = os.path.join(self.ssh, "id_ed25519")
        self.known_hosts = os.path.join(self.ssh, "known_hosts")
        self.ssh_control = os.path.join(SSH_CONTROL, name)

    def host(self, host: str) -> str:
        return os.path.join(self.root, "hosts", host)

    def host_key(self, host: str) -> str:
        return os.path.join(self.ssh, f"{host}_ed25519")

    def power(self, host: str) -> str:
        """The file that says how often a host with systemd was switched on, and which process is its init."""
        return os.path.join(self.host(host), "power.json")

    def boot_id(self, host: str) -> str:
        return os.path.join(self.host(host), "boot_id")

    def overlay(self, host: str, directory: str) -> str:
        """The folder with what `host` wrote into its top-level `directory` (such as "etc")."""
        return os.path.join(self.host(host), "overlay", directory, "upper")


def existing_labs() -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(ROOT) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except PermissionError:
        raise LabError("labs belong to root: run this as root") from None
