# SPDX-FileCopyrightText: 2026 pipefitter contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: from_pipework
short_description: Turn lines that call pipework into tasks
version_added: 0.1.0
author:
  - pipefitter contributors (@pipefitter)
description:
  - Reads a command line of pipework, or a script with many, and returns tasks that wire the same. Attachments to one
    bridge or NIC become one task, after one that makes the bridge, as pipework does. Routes and rules become options of
    the attachment that they lead through, or whose address they are for.
  - Lines of other commands are passed over. One of pipework that has no counterpart, or that names something by an
    expression of the shell, is in RV(_value.left) with what to do, and is warned of.
  - Nothing is asked of a host. Whether an interface is a bridge or a NIC is told from its name, as pipework does for
    one that is not there. C(br…), C(docker…) and C(virbr…) are Linux bridges, C(ovs…) are those of Open vSwitch, and
    all others are NICs, unless O(bridges) or O(ovs_bridges) name them.
options:
  _input:
    description: The command line, or the text of a script.
    type: str
    required: true
  bridges:
    description: Names of further Linux bridges.
    type: list
    elements: str
    default: []
  ovs_bridges:
    description: Names of further bridges of Open vSwitch.
    type: list
    elements: str
    default: []
seealso:
  - module: pipefitter.container_network.veth_attach
  - module: pipefitter.container_network.nic_attach
"""

EXAMPLES = r"""
- name: Show the tasks for one line
  ansible.builtin.debug:
    msg: "{{ ('pipework br1 web1 192.168.1.1/24@192.168.1.254' | pipefitter.container_network.from_pipework).tasks }}"

- name: Write those for a script into a file of tasks
  ansible.builtin.copy:
    content: "{{ (lookup('file', 'rc.local') | pipefitter.container_network.from_pipework).tasks | to_nice_yaml }}"
    dest: wiring.yml
    mode: "0644"
"""

RETURN = r"""
_value:
  description: What was read.
  type: dict
  contains:
    tasks:
      description: The tasks, in the order in which they can run.
      type: list
      elements: dict
      sample:
        - name: Make br1
          pipefitter.container_network.container_bridge: {name: br1}
        - name: Attach web1 to br1
          pipefitter.container_network.veth_attach:
            bridge: br1
            container: web1
            addresses: [192.168.1.1/24]
            gateway: 192.168.1.254
    left:
      description: The lines of which nothing was made, by their number in the text, each with what to do.
      type: list
      elements: dict
      sample:
        - number: 3
          line: pipework br1 $CONTAINER 192.168.1.3/24
          advice: names something by an expression of the shell ($CONTAINER); put in what it stands for
"""

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.pipefitter.container_network.plugins.module_utils.fleet import pipework_lines


def translate(text, bridges=(), ovs_bridges=()):
    if not isinstance(text, str):
        raise AnsibleFilterError(f"from_pipework takes a command line or the text of a script, and not {text!r}")
    found = pipework_lines.translated(text, bridges, ovs_bridges)
    for number, line, advice in found.left:
        Display().warning(f"from_pipework: line {number} ({line}) {advice}")
    return {"tasks": found.tasks, "left": [one._asdict() for one in found.left]}


class FilterModule:
    def filters(self):
        return {"from_pipework": translate}
