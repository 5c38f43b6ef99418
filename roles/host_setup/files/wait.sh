#!/bin/sh
# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An entrypoint for containers that are wired after their start: waits for the interface, then becomes the command.
# It needs a POSIX shell (dash, busybox), sleep and date, and nothing of this collection.
#
#   wait.sh [-i INTERFACE] [-t SECONDS] [-r] [--] COMMAND [WORD...]
#
#   -i  the interface to wait for (eth1)
#   -t  how long to wait, in seconds (30)
#   -r  wait for a default route too
#
# The interface must be up, have a carrier and an address, and none of its IPv6 addresses may be tentative.
# Exit status: that of the command; 124 if the time is over, 2 if the words are wrong.

interface=eth1 seconds=30 route=

usage() {
    echo "usage: ${0##*/} [-i INTERFACE] [-t SECONDS] [-r] [--] COMMAND [WORD...]" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    -i) [ $# -gt 1 ] || usage; interface=$2; shift 2 ;;
    -t) [ $# -gt 1 ] || usage; seconds=$2; shift 2 ;;
    -r) route=yes; shift ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || usage
case $seconds in '' | *[!0-9]*) usage ;; esac

# Each of the following says what is missing, or nothing.

link() {
    [ -e "/sys/class/net/$interface" ] || { echo "there is no $interface"; return; }
    carrier='' state=''
    # The kernel refuses to say it of an interface that is down.
    { read -r carrier <"/sys/class/net/$interface/carrier"; } 2>/dev/null
    [ "$carrier" = 1 ] || { echo "$interface is down or has no carrier"; return; }
    { read -r state <"/sys/class/net/$interface/operstate"; } 2>/dev/null
    case $state in up | unknown) ;; *) echo "$interface is $state" ;; esac
}

address() {
    found=
    if [ -r /proc/net/if_inet6 ]; then
        while read -r text _index _length scope flags name; do
            [ "$name" = "$interface" ] || continue
            # IFA_F_TENTATIVE and IFA_F_DADFAILED
            [ $((0x$flags & 0x48)) -eq 0 ] || { echo "IPv6 address $text of $interface is tentative"; return; }
            [ "$scope" = 20 ] || found=yes # not link-local
        done </proc/net/if_inet6
    fi
    [ -n "$found" ] || has_ipv4 || echo "$interface has no address"
}

has_ipv4() {
    if command -v ip >/dev/null 2>&1; then
        case $(ip -4 addr show dev "$interface" 2>/dev/null) in *"inet "*) return 0 ;; *) return 1 ;; esac
    fi
    if command -v ifconfig >/dev/null 2>&1; then
        case $(ifconfig "$interface" 2>/dev/null) in *"inet "*) return 0 ;; *) return 1 ;; esac
    fi
    # The route of the address' subnet.
    while read -r name _rest; do
        [ "$name" != "$interface" ] || return 0
    done </proc/net/route
    # A /32 has none. Here the kernel doesn't say of which interface an address is.
    for one in /sys/class/net/*; do
        case ${one##*/} in lo | "$interface") ;; *) return 1 ;; esac
    done
    text=
    while read -r first second third; do
        case $first in
        '|--' | '+--') text=$second ;;
        /32) [ "$second $third" != "host LOCAL" ] || case $text in 127.*) ;; *) return 0 ;; esac ;;
        esac
    done </proc/net/fib_trie
    return 1
}

default_route() {
    while read -r _name destination _gateway _flags _count _use _metric mask _rest; do
        [ "$destination $mask" != "00000000 00000000" ] || return
    done </proc/net/route
    if [ -r /proc/net/ipv6_route ]; then
        while read -r destination length _source _slength _hop _metric _count _use _flags name; do
            case $destination in *[!0]*) continue ;; esac
            # That of lo leads nowhere.
            [ "$length" != 00 ] || [ "$name" = lo ] || return
        done </proc/net/ipv6_route
    fi
    echo "there is no default route"
}

end=$(($(date +%s) + seconds))
while :; do
    missing=$(link)
    [ -n "$missing" ] || missing=$(address)
    [ -n "$missing" ] || [ -z "$route" ] || missing=$(default_route)
    [ -n "$missing" ] || break
    if [ "$(date +%s)" -ge "$end" ]; then
        echo "${0##*/}: timed out after $seconds s waiting: $missing" >&2
        exit 124
    fi
    sleep 0.1 2>/dev/null || sleep 1
done
exec "$@"
