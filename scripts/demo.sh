#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: scripts/demo.sh [--vlan | --down]

Shows the collection at work on a Debian 12 machine, as root: starts two hosts
on it (namespaces, no virtual machines) with four containers each, wires them
with the playbook pipefitter.container_network.bridge over SSH, and runs it
again. Then it pings from every container, and fetches pages: one that hosta
publishes, from the other host and the LAN, and one between two containers of
hostb, which reach each other by nothing but a link. At last it restarts a
container of hosta, and Docker there, and pings again: the service pipefitter,
which the playbook installed, has wired them again. What it asks for is in
scripts/demo/hosts.yml.

Installs what is missing first: see scripts/prepare.sh --help. The machine's own
network is not touched. The hosts are left up to look around in.

  --vlan  show VLANs instead, on two hosts of their own: four containers in two
          VLANs over a trunk, wired by the playbook multi_host_vlan, and the
          matrix of who reaches whom by check_connectivity. What is asked for
          is in scripts/demo/vlans.yml.
  --down  take the hosts down, those of --vlan too
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
lab=$root/tests/lab/lab
name=demo
vlan_name=demo-vlan
hosts=(hosta hostb)
containers=(web1 web2 web3 web4)

say() { printf '\n== %s\n' "$*"; }

die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# Containers of an earlier run are there already, and may have been stopped.
start_containers() {
    local host=$1 there container missing=()
    there=$("$lab" exec --name "$name" "$host" -- docker ps --all --format '{{.Names}}')
    for container in "${containers[@]}"; do
        grep -qx "$container" <<<"$there" || missing+=("$container")
    done
    if [ -n "$there" ]; then "$lab" exec --name "$name" "$host" -- docker start "${containers[@]}" >/dev/null 2>&1 || true; fi
    if [ "${#missing[@]}" -gt 0 ]; then "$lab" containers --name "$name" "$host" "${missing[@]}"; fi
    # They come back with Docker.
    "$lab" exec --name "$name" "$host" -- docker update --restart always "${containers[@]}" >/dev/null
    serve "$host"
}

# What serves pages ends with its container.
serve() { "$lab" exec --name "$name" "$1" -- sh -c "$serve_pages" sh "$serve_page" "$1" "${containers[@]}"; }

# Run in a host: the command $1 in each container, with the page.
# shellcheck disable=SC2016
serve_pages='command=$1 host=$2; shift 2; for container; do docker exec "$container" sh -c "$command" sh "$container of $host" & done; wait'
# Run in a container: the page $1 at two ports, unless it is there.
# shellcheck disable=SC2016
serve_page='netstat -ltn | grep -q ":80 " || { mkdir -p /www && echo "$1" >/www/index.html && httpd -p 80 -h /www && httpd -p 81 -h /www; }'

# Settings of the person who looks on, and another ansible.cfg, stay out of it.
set_up_ansible() {
    local variable
    for variable in "${!ANSIBLE_@}"; do unset "$variable"; done
    mkdir -p "$work/ansible_collections/pipefitter"
    ln -sfn "$root" "$work/ansible_collections/pipefitter/container_network"
    cat >"$work/ansible.cfg" <<CONFIG
[defaults]
collections_path = $work
display_skipped_hosts = false
nocolor = true
CONFIG
    # Only what changes is shown here, and the recap. Not in the file: a person who goes on with that wants to see the matrix.
    export ANSIBLE_CONFIG=$work/ansible.cfg ANSIBLE_DISPLAY_OK_HOSTS=false
    "$lab" inventory --name "$name" >"$work/$name.yml"
}

inventory=()
playbook() {
    timeout 300 "$venv/bin/ansible-playbook" pipefitter.container_network.bridge "${inventory[@]}" </dev/null
}

# Both read from the inventory what is to be expected.
ping_all() { /usr/bin/python3 "$root/scripts/demo/ping_matrix.py" --lab "$name" <<<"$wanted"; }
fetch_pages() { /usr/bin/python3 "$root/scripts/demo/pages.py" --lab "$name" <<<"$wanted"; }

# What the program finds on the host, once all of it is in order.
show_in_order() {
    local host=$1 status
    for _ in {1..60}; do
        status=$("$lab" exec --name "$name" "$host" -- pipefitter status) || true
        if grep -q '^in order' <<<"$status" && ! grep '^[a-z]' <<<"$status" | grep -qv '^in order'; then
            printf '# pipefitter status\n%s\n\n' "$status"
            return
        fi
        sleep 0.5
    done
    echo "$status"
    return 1
}

vlan_playbook() {
    timeout 120 "$venv/bin/ansible-playbook" "pipefitter.container_network.$1" "${inventory[@]}" "${@:2}" </dev/null
}

# Two hosts, four containers, two VLANs, one trunk.
show_vlans() {
    local again at=$root/
    name=$vlan_name
    say "Start ${#hosts[@]} hosts with two containers each, without a network, and a LAN between their second NICs"
    "$lab" up --name "$name" --hosts "${#hosts[@]}"
    containers=(test1 test2)
    start_containers hosta || die "the containers could not be started"
    containers=(test3 test4)
    start_containers hostb || die "the containers could not be started"

    say "Run the playbook over SSH: ansible-playbook pipefitter.container_network.multi_host_vlan"
    set_up_ansible
    inventory=(-i "$work/$name.yml" -i "$root/scripts/demo/vlans.yml")
    vlan_playbook multi_host_vlan || die "the playbook failed"

    say "Run it again: nothing is left to change"
    again=$(vlan_playbook multi_host_vlan) || die "the playbook failed: $again"
    grep ' changed=' <<<"$again"
    [ "$(grep -c ' changed=0 ' <<<"$again")" = "${#hosts[@]}" ] || die "the second run changed something"

    say "Who reaches whom: ansible-playbook pipefitter.container_network.check_connectivity"
    ANSIBLE_DISPLAY_OK_HOSTS=true vlan_playbook check_connectivity >"$work/matrix" || {
        cat "$work/matrix"
        die "not every container reaches whom it should; the hosts are left up, see scripts/demo.sh --help"
    }
    sed -n 's/^ *"\(.*\)",\{0,1\}$/\1/p' "$work/matrix"

    if [ "$PWD" = "$root" ]; then at=; fi
    cat <<SUMMARY

== All is as it should be, after $((SECONDS - begin)) s ($((prepared - begin)) s of them to prepare). The hosts are left up.

Look around:    ${at}tests/lab/lab exec --name $name hosta -- ovs-vsctl show
                ${at}tests/lab/lab exec --name $name hosta -- docker exec test1 ping -c 1 192.168.0.3
                ${at}tests/lab/lab run --name $name -- tcpdump -e -n -c 4 -i trunk vlan  # while that ping runs
Take it down:   ${at}scripts/demo.sh --down
SUMMARY
}

case ${1-} in
    '' | --vlan | --down) ;;
    -h | --help)
        usage
        exit
        ;;
    *)
        usage >&2
        exit 2
        ;;
esac

[ "$(id -u)" = 0 ] || die "needs root: it installs packages, and starts hosts in network namespaces"
if [ "${1-}" = --down ]; then
    there=
    for name in "$vlan_name" "$name"; do
        if "$lab" status --name "$name" | grep -qvx "$name: not up"; then
            there=yes
            "$lab" down --name "$name"
        fi
    done
    [ -n "$there" ] || echo "no hosts of the demo are up"
    exit
fi
begin=$SECONDS

say "Prepare the machine"
venv=$("$root/scripts/prepare.sh") || die "the machine could not be prepared"
work=$(dirname "$venv")/demo
prepared=$SECONDS

if [ "${1-}" = --vlan ]; then
    show_vlans
    exit
fi

say "Start ${#hosts[@]} hosts with ${#containers[@]} containers each, without a network"
"$lab" up --name "$name" --hosts "${#hosts[@]}" --systemd hosta --systemd hostb
pids=()
for host in "${hosts[@]}"; do
    start_containers "$host" &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || die "the containers could not be started"; done
"$lab" status --name "$name"

say "Run the playbook over SSH: ansible-playbook pipefitter.container_network.bridge"
set_up_ansible
inventory=(-i "$work/$name.yml" -i "$root/scripts/demo/hosts.yml")
playbook || die "the playbook failed"

say "Run it again: nothing is left to change"
again=$(playbook) || die "the playbook failed: $again"
grep ' changed=' <<<"$again"
[ "$(grep -c ' changed=0 ' <<<"$again")" = "${#hosts[@]}" ] || die "the second run changed something"

wanted=$("$venv/bin/ansible-inventory" "${inventory[@]}" --list)
say "Ping from every container: those of hostb are isolated from each other"
ping_all || die "not every ping went as it should; the hosts are left up, see scripts/demo.sh --help"

say "Fetch pages: one that hosta publishes, and one over a link between isolated containers of hostb"
fetch_pages || die "not every page came as it should; the hosts are left up, see scripts/demo.sh --help"

say "Restart web1 of hosta, and then Docker there: the service pipefitter wires again what comes back"
"$lab" exec --name "$name" hosta -- docker restart web1 >/dev/null
"$lab" exec --name "$name" hosta -- systemctl restart docker
show_in_order hosta || die "not all is in order again; the hosts are left up, see scripts/demo.sh --help"
ping_all || die "not every ping went as it should; the hosts are left up, see scripts/demo.sh --help"
serve hosta

at=$root/
if [ "$PWD" = "$root" ]; then at=; fi
cat <<SUMMARY

== All is as it should be, after $((SECONDS - begin)) s ($((prepared - begin)) s of them to prepare). The hosts are left up.

Look around:    ${at}tests/lab/lab exec --name $name hosta -- ip -d link show master br0
                ${at}tests/lab/lab exec --name $name hosta -- docker exec web1 ip address
                ${at}tests/lab/lab exec --name $name hosta -- nft list map ip pipefitter publish_any
                ${at}tests/lab/lab run --name $name -- busybox wget -q -O - http://10.77.0.11:8080
                ${at}tests/lab/lab reboot --name $name hosta  # and all is wired again
                ${at}tests/lab/lab exec --name $name hosta
Your own play:  ${at}tests/lab/lab inventory --name $name >inventory.yml  # the group is lab
                ANSIBLE_CONFIG=$ANSIBLE_CONFIG $venv/bin/ansible-playbook -i inventory.yml site.yml
Take it down:   ${at}scripts/demo.sh --down
SUMMARY
