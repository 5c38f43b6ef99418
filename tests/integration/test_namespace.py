# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real namespaces, made here by `unshare` and ended by PID. Needs root."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.pipefitter.container_network.plugins.module_utils.errors import PipefitterError, Refused
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import namespace
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines import lookup
from ansible_collections.pipefitter.container_network.plugins.module_utils.host.engines.lookup import Container

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making network namespaces needs root")

ID = "4e6f51fa327e4ec017b5dc2f4c26cd8b333fb1f2a20f5cf3fd28ecfbf196c662"
OTHER_ID = "74ccb51ec152b9d5d4afcff945d3c06423a0130c80ad28f275b9f3f29136bbc3"


def inode(pid="thread-self"):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def interfaces():
    return {name for _index, name in socket.if_nameindex()}


@contextlib.contextmanager
def process(*arguments):
    """A process that says a line when it is ready."""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as started:
        try:
            readable = select.select([started.stdout], [], [], 10)[0]
            assert readable and started.stdout.readline() == b"ready\n"
            yield started.pid
        finally:
            started.kill()


def unshared(kind="--net"):
    return process("unshare", kind, "sh", "-c", "echo ready; exec sleep 60")


@pytest.fixture(name="pid")
def fixture_pid():
    with unshared() as pid:
        yield pid


@pytest.fixture(name="hosts_pid")
def fixture_hosts_pid():
    with process("sh", "-c", "echo ready; exec sleep 60") as pid:
        yield pid


def child_of(conmon_arguments, *, net):
    """A container's process whose parent has the id on its command line, as conmon has."""
    script = f"echo ready; {'unshare --net' if net else ''} sleep 60 & echo $! >&2; wait"
    return subprocess.Popen(
        ["sh", "-c", script, *conmon_arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(name="cgroup")
def fixture_cgroup():
    """Puts a process into a cgroup of that name; whichever hierarchy can be written."""
    made = []

    def put(pid, *path):
        for root in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            if not os.path.exists(f"{root}/cgroup.procs"):
                continue
            with contextlib.suppress(OSError):
                folder = root
                for part in path:
                    folder = os.path.join(folder, part)
                    os.mkdir(folder)
                    made.append((folder, root))
                with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(pid))
                return
        pytest.fail("no cgroup hierarchy can be written here")

    yield put
    for folder, root in reversed(made):
        with open(f"{folder}/cgroup.procs", encoding="ascii") as file:
            left = file.read().split()
        for pid in left:
            with contextlib.suppress(OSError), open(f"{root}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(pid)
        os.rmdir(folder)


@pytest.fixture(name="engine_says")
def fixture_engine_says(monkeypatch):
    def says(container):
        monkeypatch.setattr(lookup, "inspect_again", lambda _asked: container)

    return says


def container(pid, status="running", container_id=ID, runtime="docker"):
    return Container(runtime, container_id, "web1", pid, status)


def refused(question, *arguments, kind=Refused):
    open_before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(kind) as caught:
        question(*arguments)
    assert len(os.listdir("/proc/self/fd")) == open_before
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(autouse=True)
def fixture_origin_is_open():
    """So that it doesn't count as a leak; and every test ends where it began."""
    namespace._hosts_own()  # pylint: disable=protected-access
    before = inode()
    yield
    assert inode() == before


class TestOfContainer:
    @pytest.mark.parametrize(
        "path",
        [
            [f"pipefitter-test-{os.getpid()}", ID],
            [f"docker-{ID}.scope"],
            [f"libpod-{ID}.scope", "container"],
            [f"libpod-{ID}"],
            [OTHER_ID, ID],
            [ID, "init.scope"],
        ],
        ids=[
            "cgroup parent",
            "docker systemd",
            "podman systemd",
            "podman cgroupfs",
            "in a container",
            "systemd inside",
        ],
    )
    def test_its_cgroup_has_the_id(self, pid, cgroup, path):
        cgroup(pid, *path)
        with namespace.of_container(container(pid)) as pinned:
            assert pinned.inode == inode(pid) != inode()
            assert pinned.origin == "container web1"
            assert not os.get_inheritable(pinned.fd)

    def test_paused(self, pid, cgroup):
        cgroup(pid, ID)
        namespace.of_container(container(pid, "paused")).close()

    def test_without_a_cgroup_its_parent_has_the_id(self):
        with child_of(["conmon", "-c", ID], net=True) as parent:
            try:
                parent.stdout.readline()
                pid = int(parent.stderr.readline())
                deadline = time.monotonic() + 60
                while inode(pid) == inode() and time.monotonic() < deadline:
                    time.sleep(0.01)
                with namespace.of_container(container(pid, runtime="podman")) as pinned:
                    assert pinned.inode == inode(pid)
                os.kill(pid, 9)
            finally:
                parent.kill()

    def test_a_reused_pid(self, pid, cgroup, engine_says):
        cgroup(pid, OTHER_ID)
        engine_says(container(pid))
        assert "reused" in refused(namespace.of_container, container(pid))

    def test_a_reused_pid_inside_a_container_of_that_id(self, pid, cgroup, engine_says):
        cgroup(pid, ID, OTHER_ID)
        engine_says(container(pid))
        assert "reused" in refused(namespace.of_container, container(pid))

    def test_a_reused_pid_of_no_container(self, pid, engine_says):
        engine_says(container(pid))
        assert "reused" in refused(namespace.of_container, container(pid))

    def test_restarted_and_the_pid_reused(self, pid, engine_says):
        engine_says(container(pid + 1))
        assert "run the task again" in refused(namespace.of_container, container(pid))
        engine_says(None)
        assert "run the task again" in refused(namespace.of_container, container(pid))

    def test_gone_in_the_middle(self, engine_says):
        with unshared() as pid:
            pass
        assert "restarted meanwhile" in refused(namespace.of_container, container(pid))

    @pytest.mark.parametrize("status", ["exited", "created", "restarting"])
    def test_not_running(self, status):
        assert f"it is {status}; start it" in refused(namespace.of_container, container(0, status))

    def test_in_the_hosts_network(self, hosts_pid, cgroup):
        cgroup(hosts_pid, ID)
        assert "shares the host's network" in refused(namespace.of_container, container(hosts_pid))


class TestOfPath:
    def test_a_process_namespace(self, pid):
        with namespace.of_path(f"/proc/{pid}/ns/net") as pinned:
            assert pinned.inode == inode(pid)
            assert pinned.origin == f"netns /proc/{pid}/ns/net"

    def test_through_a_symbolic_link(self, pid, tmp_path):
        (tmp_path / "link").symlink_to(f"/proc/{pid}/ns/net")
        namespace.of_path(str(tmp_path / "link")).close()

    def test_the_hosts_own(self):
        assert "host's own" in refused(namespace.of_path, f"/proc/{os.getpid()}/ns/net")

    def test_another_kind_of_namespace(self):
        assert "another kind" in refused(namespace.of_path, "/proc/self/ns/mnt")

    def test_a_plain_file(self, tmp_path):
        (tmp_path / "stale").touch()
        assert "regular file" in refused(namespace.of_path, str(tmp_path / "stale"))

    def test_a_fifo_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        assert "special file" in refused(namespace.of_path, str(tmp_path / "fifo"))

    def test_a_folder_and_a_device(self, tmp_path):
        assert "directory" in refused(namespace.of_path, str(tmp_path))
        assert "special file" in refused(namespace.of_path, "/dev/null")

    @pytest.mark.parametrize("path", ["/run/netns/no-such-name", "/etc/passwd/x", "/proc/999999999/ns/net"])
    def test_missing(self, path):
        assert "doesn't exist" in refused(namespace.of_path, path)

    @pytest.mark.parametrize("path", ["run/netns/x", "", "~/x"])
    def test_not_absolute(self, path):
        assert "absolute" in refused(namespace.of_path, path)

    @pytest.mark.parametrize("path", ["/" + "x" * 300, "/a\0b"])
    def test_impossible(self, path):
        assert "can't be opened" in refused(namespace.of_path, path)

    def test_a_loop(self, tmp_path):
        (tmp_path / "loop").symlink_to("loop")
        assert "can't be opened" in refused(namespace.of_path, str(tmp_path / "loop"))


class TestOfPid:
    def test_a_process(self, pid):
        with namespace.of_pid(pid) as pinned:
            assert (pinned.inode, pinned.origin) == (inode(pid), f"pid {pid}")

    @pytest.mark.parametrize("pid", [0, -1])
    def test_not_a_pid(self, pid):
        assert "above 0" in refused(namespace.of_pid, pid)

    def test_gone(self):
        assert "no such process" in refused(namespace.of_pid, 999999999)

    def test_a_zombie(self):
        with subprocess.Popen(["true"]) as ended:
            os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
            assert "no such process" in refused(namespace.of_pid, ended.pid)

    def test_in_the_hosts_network(self, hosts_pid):
        assert "host's network" in refused(namespace.of_pid, hosts_pid)

    def test_it_outlives_the_process(self):
        with unshared() as pid:
            pinned = namespace.of_pid(pid)
        with pinned, namespace.entered(pinned):
            assert interfaces() == {"lo"}

    def test_closed_once(self, pid):
        pinned = namespace.of_pid(pid)
        pinned.close()
        pinned.close()
        assert pinned.fd == -1


class TestEntered:
    def test_there_and_back(self, pid):
        before, outside = inode(), interfaces()
        with namespace.of_pid(pid) as pinned:
            with namespace.entered(pinned):
                assert inode() == pinned.inode != before
                assert interfaces() == {"lo"}
            assert (inode(), interfaces()) == (before, outside)

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_back_after_an_error(self, pid, error):
        before = inode()
        with namespace.of_pid(pid) as pinned:
            with pytest.raises(error), namespace.entered(pinned):
                raise error
            assert inode() == before
            with namespace.entered(pinned):
                pass

    def test_a_socket_stays(self, pid):
        with namespace.of_pid(pid) as pinned:
            with namespace.entered(pinned):
                inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with inside, pytest.raises(OSError) as caught:
                inside.connect(("127.0.0.1", 9))  # lo is down in there
            assert caught.value.errno == errno.ENETUNREACH

    def test_not_from_within_another(self, pid):
        with namespace.of_pid(pid) as pinned, namespace.entered(pinned):
            with pytest.raises(RuntimeError), namespace.entered(pinned):
                pass
            assert inode() == pinned.inode

    def test_threads_do_not_see_each_other(self, pid):
        seen = []
        with namespace.of_pid(pid) as pinned, namespace.entered(pinned):
            # pylint: disable-next=protected-access
            thread = threading.Thread(target=lambda: seen.append(namespace._here.inside))
            thread.start()
            thread.join(5)
        assert seen == [None]

    def test_what_is_no_namespace(self, tmp_path):
        with open(tmp_path / "file", "w", encoding="ascii") as file:
            wrong = namespace.NetnsFd(os.dup(file.fileno()), "netns wrong")
        with wrong, pytest.raises(PipefitterError, match="netns wrong can't be entered"), namespace.entered(wrong):
            pass

    def test_the_way_back_is_lost(self, pid):
        """In a process of its own, which is of no use afterwards."""
        program = f"""
import os, sys
from ansible_collections.pipefitter.container_network.plugins.module_utils.host import namespace
pinned = namespace.of_pid({pid})
undone = []
try:
    try:
        with namespace.entered(pinned):
            os.dup2(os.open("/dev/null", os.O_RDONLY), namespace._hosts_own().fd)
    except Exception:
        undone.append(1)
except namespace.LostInNamespace as error:
    print(error, undone)
try:
    with namespace.entered(pinned):
        print("entered")
except namespace.LostInNamespace:
    print("again")
"""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.stdout.startswith(f"failed to return from pid {pid} to the host's network namespace"), ran.stderr
        assert ran.stdout.endswith("[]\nagain\n")

    def test_costs_only_system_calls(self, pid):
        rounds = 200
        with namespace.of_pid(pid) as pinned:
            began = time.perf_counter()
            for _round in range(rounds):
                with namespace.entered(pinned):
                    pass
            each = (time.perf_counter() - began) / rounds
        assert each < 0.001  # 20 µs and less where nothing else runs


class TestOpenFileLimit:
    @pytest.fixture(autouse=True)
    def fixture_limits(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def test_raised_as_far_as_needed(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        namespace.raise_open_file_limit(1000)
        soft, still = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert 2256 < soft < 2500 and still == hard

    def test_never_lowered(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        namespace.raise_open_file_limit(1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == before

    def test_beyond_the_hard_limit(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        message = refused(namespace.raise_open_file_limit, hard)
        assert str(hard) in message and "LimitNOFILE" in message
