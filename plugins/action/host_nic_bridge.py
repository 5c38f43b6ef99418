# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of host_nic_bridge: to come back by a new connection, and only then to confirm the move."""

from __future__ import annotations

import secrets
import time

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

_MODULE = "pipefitter.container_network.host_nic_bridge"
_PAUSE = 1.0  # seconds between two attempts to connect
_UNDOING = 30.0  # seconds after which a host that is not confirmed has helped itself


class ActionModule(ActionBase):
    """Runs the module, and where a move waits then, confirms it from a connection that is new."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        moves = args.get("state", "present") in ("present", "absent") and args.get("confirm", "auto") == "auto"
        if not moves or self._task.check_mode:
            return self._execute_module(module_name=_MODULE, module_args=args, task_vars=task_vars)
        # Chosen here: an answer that is lost on its way does not take it along.
        token = secrets.token_hex(16)
        try:
            moved = self._execute_module(module_name=_MODULE, module_args={**args, "token": token}, task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            moved = {"pending": True, "changed": True, "operations": [], "lost": str(error)}
        if not moved.get("pending") and not _was_cut_off(moved):
            return moved  # it failed, or found nothing to do
        return self._confirmed(args, token, moved, task_vars)

    def _confirmed(self, args, token, moved, task_vars):
        timeout = int(args.get("confirm_timeout", 45))
        confirm = {**args, "state": "confirmed", "token": token}
        ends = time.monotonic() + timeout + _UNDOING
        why = "it was not tried"
        while time.monotonic() < ends:
            try:
                self._connect_anew()
                done = self._execute_module(module_name=_MODULE, module_args=confirm, task_vars=task_vars)
            except AnsibleConnectionFailure as error:
                why = str(error)
                time.sleep(_PAUSE)
                continue
            if _was_cut_off(done):
                why = str(done.get("msg") or done.get("module_stderr") or "the connection ended")
                time.sleep(_PAUSE)
                continue
            if done.get("failed"):
                return {**done, "changed": False}
            return {
                **{name: value for name, value in moved.items() if name != "lost"},
                "pending": False,
                "operations": [*moved.get("operations", []), *done.get("operations", [])],
                "warnings": [*moved.get("warnings", []), *done.get("warnings", [])],
                "token": token,
            }
        return {
            "failed": True,
            "msg": (
                f"the host did not come back within {timeout + int(_UNDOING)} s after its NIC was moved ({why}); it "
                f"puts itself back {timeout} s after the move: look at its console, and at /var/lib/pipefitter-nic"
            ),
        }

    def _connect_anew(self):
        """Drop what is left of the old connection: what is confirmed over that says nothing of the next."""
        reset = getattr(self._connection, "reset", None)
        if reset is not None and getattr(self._connection, "transport", "") != "local":
            reset()
        self._connection.close()


def _was_cut_off(result):
    """Tell whether a module's answer is the end of its connection, and not the module's own."""
    return (
        bool(result.get("failed"))
        and "operations" not in result
        and (
            result.get("unreachable") or result.get("rc") in (255, -1) or "MODULE FAILURE" in str(result.get("msg", ""))
        )
    )
