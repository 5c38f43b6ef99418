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

ROUTES = {
    "type": "list",
    "elements": "dict",
    "options": {
        "destination": {"type": "str", "required": True},
        "gateway": {"type": "str"},
        "metric": {"type": "int"},
        "table": {"type": "str"},
        "type": {"type": "str", "choices": ["unicast", "blackhole", "unreachable", "prohibit", "throw"]},
        "src": {"type": "str"},
        "scope": {"type": "str", "choices": ["global", "link", "host"]},
        "onlink": {"type": "bool"},
        "mtu": {"type": "int"},
        "nexthops": {
            "type": "list",
            "elements": "dict",
            "options": {
                "gateway": {"type": "str", "required": True},
                "interface": {"type": "str"},
                "weight": {"type": "int"},
            },
        },
    },
}

RULES = {
    "type": "list",
    "elements": "dict",
    "options": {
        "from": {"type": "str"},
        "to": {"type": "str"},
        "iif": {"type": "str"},
        "fwmark": {"type": "str"},
        "family": {"type": "str", "choices": ["ipv4", "ipv6", "both"]},
        "table": {"type": "str"},
        "type": {"type": "str", "choices": ["unicast", "blackhole", "unreachable", "prohibit"]},
        "priority": {"type": "int"},
    },
}

# Documented in doc_fragments/attachment.py, as are those of ATTACHING.
CONTAINER_SIDE = {
    "interface": {"type": "str"},
    "addresses": {"type": "list", "elements": "str"},
    "gateway": {"type": "str"},
    "gateway6": {"type": "str"},
    "routes": ROUTES,
    "rules": RULES,
    "sysctls": {"type": "dict"},
    "mac": {"type": "str"},
    "mac_seed": {"type": "str", "no_log": False},
    "mtu": {"type": "int"},
    "ipv6": {"type": "bool"},
}

ATTACHING = {
    "announce": {"type": "bool", "default": True},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 10},
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
