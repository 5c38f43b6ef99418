# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attachment is of a container's name: one of that name has it from the one that was renamed, never both."""

from __future__ import annotations

from unittest import mock

from ansible_collections.pipefitter.container_network.plugins.module_utils.model.ownership import MARK
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.attachment_scenes import (
    IDENTITIES,
    scenes,
    wanted,
)
from ansible_collections.pipefitter.container_network.tests.unit.plugins.module_utils.convergence import (
    Errand,
    recovers,
)
from hypothesis import given
from hypothesis import strategies as st


@given(scenes(), wanted(), st.integers(0, 60))
def test_a_container_of_the_same_name_takes_over_from_the_one_that_was_renamed(scene, wants, patience):
    former = scene.host.namespaces["former"] = scene.host.namespaces.pop("web1")
    scene.start("web1")
    with mock.patch.dict(IDENTITIES, {"web1": "docker:" + "c3" * 32}):
        errand = Errand(scene.host, scene.present(wants))
        recovers(errand, patience)
        if errand.planned() is None:
            return
    for want in wants:
        if want.target.value == "web1":
            says = f"{MARK} {want.interface} container web1 "
            assert not [link for link in former.links.values() if link.peer and link.peer.alias.startswith(says)]
