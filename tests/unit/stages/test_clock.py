# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the commands of a run of scripts/test.sh may take."""

from __future__ import annotations

from ansible_collections.pipefitter.container_network.tests.stages.clock import FLOOR, WHOLE, Clock


class Time:
    """A clock that stands still between two settings."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_command_may_take_what_is_left_of_the_run():
    time = Time()
    clock = Clock(time)
    assert clock.left() == WHOLE == 85 * 60
    time.now += 4000
    assert clock.left() == WHOLE - 4000


def test_the_last_one_has_time_to_say_something_however_long_the_others_took():
    time = Time()
    clock = Clock(time)
    time.now += WHOLE - 1
    assert clock.left() == FLOOR
    time.now += WHOLE
    assert clock.left() == FLOOR
