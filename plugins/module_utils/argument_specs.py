# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Argument specs that several modules share. Private to the collection."""

from __future__ import annotations

# Documented in doc_fragments/container_target.py.
CONTAINER_TARGET = {
    "container": {"type": "str"},
    "runtime": {"type": "str", "choices": ["auto", "docker", "podman"]},
    "netns": {"type": "str"},
    "pid": {"type": "int"},
}

# Documented in doc_fragments/persistent.py.
PERSISTENT = {
    "persistent": {"type": "str", "choices": ["auto", "true", "false"], "default": "auto"},
    "drift": {"type": "str", "choices": ["repair", "report"]},
}

BRIDGE_VLANS = {
    "vlan_filtering": {"type": "bool"},
    "port_vlans": {
        "type": "list",
        "elements": "dict",
        "options": {
            "port": {"type": "str", "required": True},
            "mode": {"type": "str", "choices": ["access", "trunk", "native-tagged", "native-untagged"]},
            "tag": {"type": "int"},
            "trunks": {"type": "raw"},
        },
    },
}
