#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_program
short_description: Install the program that makes again what was recorded on a host
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Puts the program C(pipefitter) on a host, in C(/usr/local/lib/pipefitter) with a link in C(/usr/local/sbin). It
    makes again, without Ansible, what the modules of this collection recorded there, and shows how that stands.
  - A file C(version) beside it tells its version, and modules that record warn where that is not theirs.
  - It is made of this collection's own code, for the Python that runs the module. The same code gives the same file.
  - The role P(pipefitter.container_network.host_setup#role) installs it with its service; this module is for hosts
    where the service is run in another way.
requirements:
  - pyroute2 >= 0.6.4 (on the host)
  - netaddr (on the host)
extends_documentation_fragment:
  - pipefitter.container_network.attributes
options:
  state:
    description: Whether the program is there. V(absent) leaves the record in C(/var/lib/pipefitter) as it is.
    type: str
    choices: [present, absent]
    default: present
  interpreter:
    description:
      - Python that runs the program. It needs the libraries that the modules need. Without this option, the one that
        runs the module.
    type: str
  podman_hook:
    description:
      - Whether root's Podman runs the program as each container starts (C(createRuntime) of the OCI runtime), so that a
        container is wired before its first instruction.
      - The file C(pipefitter.json) is put into the last folder of C(hooks_dir) in C(containers.conf), and where that
        names none into C(/usr/share/containers/oci/hooks.d), which is then the only one that Podman reads.
      - V(auto) is V(true) where the program C(podman) is there. Without this option, it stays as it is.
    type: str
    choices: ["auto", "true", "false"]
  docker_runtime:
    description:
      - Whether Docker has the runtime C(pipefitter), which is runc and wires a container before its first instruction.
        It is for containers that are run with C(--runtime pipefitter).
      - It is added to C(runtimes) in C(/etc/docker/daemon.json), and Docker reads that anew; neither Docker nor
        containers are restarted. The file of before is kept as C(daemon.json.before-pipefitter).
      - V(false) is refused while there are containers of that runtime, as they could not start any more. Without this
        option, it stays as it is.
    type: bool
seealso:
  - module: pipefitter.container_network.container_network_info
"""

EXAMPLES = r"""
- name: The program by which this host restores its container networks
  pipefitter.container_network.host_program:

- name: Restore them now
  ansible.builtin.command: /usr/local/sbin/pipefitter reconcile
  register: restored
  changed_when: restored.rc == 2
  failed_when: restored.rc not in [0, 2]
"""

RETURN = r"""
operations:
  description: What was done, a line each; in check mode, what would be done.
  returned: success
  type: list
  elements: str
  sample:
    - write /usr/local/lib/pipefitter/pipefitter
    - write /usr/local/lib/pipefitter/version
    - link /usr/local/sbin/pipefitter to /usr/local/lib/pipefitter/pipefitter
program:
  description: Where the program is, and what tells it from another state of it; null with O(state=absent).
  returned: success
  type: dict
  sample:
    path: /usr/local/lib/pipefitter/pipefitter
    digest: 3f2a91c0b5d44e17
podman_hook:
  description: Whether Podman runs the program as each container starts.
  returned: success
  type: bool
  sample: true
docker_runtime:
  description: Whether Docker has the runtime C(pipefitter).
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.pipefitter.container_network.plugins.module_utils import ansible_module

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "interpreter": {"type": "str"},
    "podman_hook": {"type": "str", "choices": ["auto", "true", "false"]},
    "docker_runtime": {"type": "bool"},
}


def load():
    from ansible_collections.pipefitter.container_network.plugins.module_utils.service import (
        command_line,
        installation,
        runtime,
    )

    del command_line, runtime  # all that the program is made of comes to the host by these names
    return installation.converge


def main():
    ansible_module.run(load, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
