# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual machine boots: Debian as on this machine, from the machine's own package sources, with its kernel.

Made once, and kept below ~/.cache/pipefitter under a hash of what it is made of and by.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator

from . import busybox_image
from .commands import run
from .environment import ROOT_LOGIN
from .errors import LabError

CACHE = pathlib.Path.home() / ".cache/pipefitter/virtual-machine"

ADDRESS = "10.0.2.15/24"  # what QEMU's user network expects of a guest

_PACKAGES = (
    "busybox-static", "dbus", "docker.io", "ethtool", "iproute2", "iptables", "iputils-ping", "kmod",
    "linux-image-cloud-amd64", "nftables", "openssh-server", "procps", "python3", "python3-netaddr",
    "python3-pyroute2", "systemd-sysv", "udev",
)  # fmt: skip
_UNREAD = ("doc", "info", "locale", "man")  # folders of /usr/share
_SIZE = "3G"  # of the disk, whose file has holes
_BUILD = 1800.0  # seconds; 70 to 150 are usual

# What the kernel needs to find the disk. Without the list, initramfs-tools packs drivers of every machine.
_INITRAMFS = {
    "etc/initramfs-tools/conf.d/virtual-machine": "MODULES=list\nCOMPRESS=gzip\n",
    "usr/share/initramfs-tools/modules.d/virtual-machine": "virtio_pci\nvirtio_blk\next4\n",
}
_FILES = {
    "etc/fstab": "",
    "etc/hostname": "vm\n",
    "etc/hosts": "127.0.0.1 localhost vm\n::1 localhost\n",
    # An empty one would make each boot a first one, in which systemd enables what it finds.
    "etc/machine-id": "7069706566697474657276697274756c\n",
    # A session of logind for each command takes longer than the command.
    "etc/ssh/sshd_config.d/lab.conf": "UsePAM no\nUseDNS no\nMaxStartups 100\nMaxSessions 100\n",
    # Of devices, a half would do nothing but take emulated time.
    "etc/systemd/system/systemd-udev-trigger.service.d/lab.conf": (
        "[Service]\nExecStart=\nExecStart=-udevadm trigger --action=add "
        "--subsystem-match=virtio --subsystem-match=net --subsystem-match=block --subsystem-match=misc\n"
    ),
    "etc/systemd/network/eth0.network": f"[Match]\nName=eth0\n[Network]\nAddress={ADDRESS}\nLinkLocalAddressing=no\n",
}
# What waits for something that is not there or never changes, or would begin in the middle of a test: half of the boot.
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "e2scrub_reap.service", "getty@.service", "serial-getty@.service", "modprobe@.service",
    "systemd-networkd-wait-online.service", "systemd-pstore.service", "systemd-random-seed.service",
    "systemd-sysusers.service", "systemd-update-utmp.service",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Image:
    """The files that a virtual machine boots from. `busybox` is that of the lab's container image, in the machine."""

    folder: pathlib.Path
    busybox: str = "/root/busybox.tar"

    @property
    def disk(self) -> pathlib.Path:
        return self.folder / "disk"

    @property
    def kernel(self) -> pathlib.Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> pathlib.Path:
        return self.folder / "initrd.img"

    @property
    def private_key(self) -> pathlib.Path:
        """What root of the machine lets in."""
        return self.folder / "id_ed25519"

    @property
    def host_key(self) -> pathlib.Path:
        """The public part of the key by which the machine's SSH is known."""
        return self.folder / "host_key.pub"


def made() -> Image:
    """The image, made if it is not in the cache; older ones are removed then."""
    sources = _sources()
    image = Image(CACHE / _hash(sources))
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked():
        if not image.folder.exists():
            for left in CACHE.iterdir():
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="unfinished-") as unfinished:
                _make(Image(pathlib.Path(unfinished, "image")), sources, pathlib.Path(unfinished, "root"))
                os.rename(f"{unfinished}/image", image.folder)
    return image


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Hold the cache, so that what is unfinished in it is of a run that was killed."""
    descriptor = os.open(CACHE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _hash(sources: list[str]) -> str:
    content = pathlib.Path(__file__).read_bytes() + "\n".join(sources).encode()
    with open(busybox_image.root_file_system(), "rb") as tar:
        content += tar.read()
    return hashlib.sha256(content).hexdigest()[:16]


def _sources() -> list[str]:
    """The machine's sources of Debian's packages, a line each as in sources.list(5), whatever files they stand in."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Component: main", "Architecture: amd64")
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", *wanted])
    if not listed:
        raise LabError("apt knows no packages of Debian for amd64, of which virtual machines are made: apt-get update")
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return [f"deb [signed-by={keyring}] {line}" for line in sorted(set(listed.splitlines()))]


def _make(image: Image, sources: list[str], root: pathlib.Path) -> None:
    image.folder.mkdir()
    for name, content in _INITRAMFS.items():
        _write(image.folder / "initramfs" / name, content)
    _install(root, sources, image.folder / "initramfs")
    shutil.rmtree(image.folder / "initramfs")
    (kernel,) = root.glob("boot/vmlinuz-*")
    (initrd,) = root.glob("boot/initrd.img-*")
    shutil.move(kernel, image.kernel)
    shutil.move(initrd, image.initrd)
    _configure(root, image)
    shutil.copyfile(root / "etc/ssh/ssh_host_ed25519_key.pub", image.host_key)
    run(["truncate", "--size", _SIZE, str(image.disk)])
    run(["mkfs.ext4", "-q", "-m", "0", "-d", str(root), str(image.disk)], timeout=_BUILD)


def _install(root: pathlib.Path, sources: list[str], initramfs: pathlib.Path) -> None:
    settings = [
        line.rstrip(";")
        for line in run(["apt-config", "dump"]).splitlines()
        if re.match(r"Acquire::(Check-|https?::)", line)
    ]
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        *(f"--aptopt={setting}" for setting in (*settings, 'Acquire::Languages "none"')),
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _UNREAD),
        "--dpkgopt=force-unsafe-io",
        f"--essential-hook=copy-in {initramfs}/etc {initramfs}/usr /",
        f"--include={','.join(_PACKAGES)}",
        _codename(),
        str(root),
        *sources,
    ]
    # apt's own temporary files are many, and /tmp may be small.
    run(command, timeout=_BUILD, environment={**ROOT_LOGIN, "TMPDIR": str(root.parent)})


def _codename() -> str:
    with open("/etc/os-release", encoding="utf-8") as file:
        named = re.search(r'^VERSION_CODENAME="?(\w+)', file.read(), re.MULTILINE)
    if named is None:
        raise LabError("/etc/os-release has no VERSION_CODENAME: virtual machines are made on Debian")
    return named[1]


def _configure(root: pathlib.Path, image: Image) -> None:
    for name, content in _FILES.items():
        _write(root / name, content)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(image.private_key)])
    public = image.private_key.with_suffix(".pub").read_text(encoding="ascii")
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    _write(root / "root/.ssh/authorized_keys", public)
    shutil.copyfile(busybox_image.root_file_system(), root / image.busybox.lstrip("/"))
    for verb, units in (("enable", ["systemd-networkd.service"]), ("mask", list(_MASKED))):
        run(["systemctl", f"--root={root}", "--quiet", verb, *units])


def _write(path: pathlib.Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
