# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``pipefitter status`` prints for people."""

from __future__ import annotations

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.service import status_table

LONGEST = f"ports of eth1 of container {'a' * 255}, published on br0"
ROW = {"kind": "attachment", "name": "eth1 of container web1", "state": "in order", "why": ""}


def test_names_states_and_times_stand_in_columns():
    rows = [{**ROW, "since": 0.0}, {**ROW, "name": "eth1 of container web2", "state": "drifted"}]
    heading, first, second = status_table.lines(rows)
    assert heading.split() == ["STATE", "SINCE", "NAME"]
    place = heading.index("NAME")
    assert first[place:] == "eth1 of container web1" and second[place:] == "eth1 of container web2"
    assert second[heading.index("SINCE") :].split()[0] == "-"
    assert first[heading.index("SINCE") : place].strip().startswith("19")


@pytest.mark.parametrize("name", [LONGEST, "netns " + "/a-b" * 60, "a b " * 64, "käse" * 60])
@pytest.mark.parametrize("why", ["", "container " + "b" * 255 + " is not running", "a word " * 60])
def test_what_is_long_goes_on_in_its_column_and_nothing_is_left_out(name, why):
    heading, *lines = status_table.lines([{**ROW, "name": name.strip(), "why": why.strip(), "since": 0.0}])
    assert max(map(len, lines)) <= 100
    place = heading.index("NAME")
    said = "".join(line[place:] for line in lines).replace(" ", "")
    assert said == (name + why).replace(" ", "")
    assert all(not line[:place].strip() for line in lines[1:])


def test_what_would_move_the_cursor_is_shown_with_backslashes():
    (line,) = status_table.lines([{**ROW, "name": "eth1 of netns /run/netns/a\n\x1b[2Jb"}])[1:]
    assert line.endswith(r"/run/netns/a\n\x1b[2Jb")


def test_names_are_sorted_within_a_kind():
    bridge = {**ROW, "kind": "bridge", "name": "bridge br0"}
    rows = [bridge, *({**ROW, "name": f"eth1 of container {name}"} for name in ("web3", "db1", "web2"))]
    assert [line.rsplit(" ", 1)[1] for line in status_table.lines(rows)[1:]] == ["br0", "db1", "web2", "web3"]
    assert [row["name"][-4:] for row in rows] == [" br0", "web3", " db1", "web2"], "they are another's"


def test_nothing_is_no_table():
    assert status_table.lines([]) == ["nothing is recorded on this host"]
