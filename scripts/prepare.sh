#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: venv=$(scripts/prepare.sh [--vm])

Puts in place what the tests and the demo need on a Debian 12 machine, as root:
missing Debian packages, and a Python environment with the versions of
tests/requirements.txt. Says what it does on standard error, one line a step,
and prints the directory of the environment on standard output. With --vm also
the packages that a virtual machine is made and run with.

No service is started. Debian enables some of the packages' services for the
next boot, though: docker, openvswitch-switch, ssh. The firewalls that the tests
run in the lab, firewalld and ufw, are not left enabled.

Also fetches, without installing them, the packages by which a host of the lab
gets another manager of its network than the machine's, and keeps their files
as network-managers.tar beside the environment.

The environment is kept in ${XDG_CACHE_HOME:-~/.cache}/pipefitter, so only the
first run takes long.
USAGE
}

packages=(
    busybox-static crun dbus dnsmasq-base docker.io ethtool firewalld git
    iproute2 iptables iputils-ping nftables openssh-client openssh-server
    openvswitch-switch podman procps python3-netaddr python3-pyroute2
    python3-venv rsync shellcheck systemd tcpdump ufw user-mode-linux util-linux
)
# For hosts of the lab alone: on the machine they would take over its network.
packages_of_hosts=(ifupdown isc-dhcp-client netplan.io network-manager)
packages_for_vm=(e2fsprogs mmdebstrap qemu-system-x86)

# What ansible-test 2.19 installs into the environments of its sanity tests. It
# would fetch a bootstrap script from a site of its own; tests/stages writes
# one that uses this wheel from the package index instead.
pip_for_sanity=24.2

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pipefitter

say() { printf 'prepare: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# Runs a command with its output in a log, shown only where the command failed.
logged() {
    local log=$cache/$1.log
    shift
    "$@" >"$log" 2>&1 9>&- </dev/null && return
    tail -n 40 "$log" >&2
    return 1
}

missing_packages() {
    local package installed
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
    for package in "${packages[@]}"; do
        grep -qx "$package installed" <<<"$installed" && continue
        # Docker's own packages conflict with Debian's and serve as well.
        [ "$package" = docker.io ] && command -v dockerd >/dev/null && continue
        printf '%s\n' "$package"
    done
}

policy=/usr/sbin/policy-rc.d
policy_before=$policy.before-pipefitter

restore_policy() {
    if grep -qs '^# pipefitter' "$policy"; then rm -f "$policy"; fi
    if [ -e "$policy_before" ] || [ -L "$policy_before" ]; then mv -f "$policy_before" "$policy"; fi
}

# Maintainer scripts start their service unless policy-rc.d answers 101.
deny_services() {
    restore_policy # a run that was killed may have left ours
    if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$policy_before" || return; fi
    printf '#!/bin/sh\n# pipefitter: while its test packages are installed\nexit 101\n' >"$policy" &&
        chmod 755 "$policy"
}

install_packages() (
    trap restore_policy EXIT
    trap 'exit 1' HUP INT TERM
    deny_services || exit
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    # One source that can't be read must not stop packages of the others.
    logged apt-update apt-get update -q || say "apt-get update failed for a source; going on with what is known"
    logged apt-install apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
)

# A firewall that is only here for the lab must not close this machine at its
# next boot. One that was installed before is somebody's, and stays as it is.
disable_firewalls() {
    local package
    command -v systemctl >/dev/null || return 0
    for package in firewalld ufw; do
        [[ " $* " == *" $package "* ]] || continue
        logged "disable-$package" systemctl --root=/ disable "$package.service" || say "$package could not be disabled; it starts at the next boot"
    done
}

# The files of packages of hosts, and of what these depend on and the machine
# has not. Without udev, as hosts have no devices of their own.
fetch_packages_of_hosts() (
    folder=$cache/packages-of-hosts
    rm -rf "$folder"
    mkdir -p "$folder/files" && cd "$folder" || exit
    apt-cache show network-manager >/dev/null 2>&1 || apt-get update -q
    mapfile -t wanted < <(apt-get install -s --no-install-recommends "${packages_of_hosts[@]}" |
        awk '/^Inst/ && $3 !~ /^\[/ && $2 != "udev" { print $2 }')
    for package in "${packages_of_hosts[@]}"; do
        # What the machine has itself, hosts have too.
        dpkg-query -W "$package" >/dev/null 2>&1 || [[ " ${wanted[*]} " == *" $package "* ]] || exit 1
    done
    # As _apt can't write there.
    if [ "${#wanted[@]}" -gt 0 ]; then apt-get download -q -o APT::Sandbox::User=root "${wanted[@]}" || exit; fi
    for archive in *.deb; do
        [ ! -e "$archive" ] || dpkg-deb -x "$archive" files || exit
    done
    # Without "." itself: hosts see / read-only.
    mapfile -t top < <(ls files)
    tar -c -f "$1.new" -C files "${top[@]}" || exit
    cd .. && rm -rf "$folder" && mv "$1.new" "$1"
)

# Scripts in an environment name its directory, so it can't be built elsewhere
# and renamed: a file written last says that it is complete.
build_venv() {
    rm -rf "$1"
    logged venv /usr/bin/python3 -I -m venv "$1" || return
    logged pip "$1/bin/python" -I -m pip install --no-input --disable-pip-version-check \
        --progress-bar off -r "$root/tests/requirements.txt" || return
    logged pip-for-sanity "$1/bin/python" -I -m pip download --no-input --disable-pip-version-check \
        --no-deps --dest "$1/share/pip-for-sanity" "pip==$pip_for_sanity" || return
    touch "$1/complete"
}

case ${1-} in
    '') ;;
    --vm) packages+=("${packages_for_vm[@]}") ;;
    -h | --help)
        usage
        exit
        ;;
    *)
        usage >&2
        exit 2
        ;;
esac

[ "$(id -u)" = 0 ] || die "needs root: it installs packages, and the lab makes network namespaces"
# A user's settings for pip that would send packages elsewhere than the environment.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER PIP_REQUIRE_VIRTUALENV
export PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$cache"

exec 9>"$cache/lock"
flock -n 9 || {
    say "waiting for another run that prepares"
    flock -w 1800 9 || die "another run still holds $cache/lock"
}

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    install_packages "${missing[@]}" || die "packages can't be installed; see $cache/apt-install.log"
    disable_firewalls "${missing[@]}"
fi

if [ ! -e "$cache/network-managers.tar" ]; then
    say "fetching ${packages_of_hosts[*]} for hosts of the lab"
    # Not for anybody who is offline: the tests that need them say that they are not there.
    logged packages-of-hosts fetch_packages_of_hosts "$cache/network-managers.tar" ||
        say "they can't be fetched; see $cache/packages-of-hosts.log. Tests with them are skipped"
fi

hash=$({ /usr/bin/python3 -V; printf '%s\n' "$pip_for_sanity"; cat "$root/tests/requirements.txt"; } | sha256sum | cut -c1-12)
venv=$cache/venv-$hash
if [ ! -e "$venv/complete" ]; then
    say "making the Python environment $venv"
    build_venv "$venv" || die "the Python environment can't be made; see the logs in $cache"
fi
say "ready: $("$venv/bin/python" -I -c 'import ansible.release as a, sys; print("ansible-core", a.__version__, "on Python", sys.version.split()[0])')"
printf '%s\n' "$venv"
