#!/usr/bin/env bash
# Measures the program on this machine and writes docs/performance.md.
#
#   scripts/bench.sh [creation|sampling|reaction|start|cluster|migration|all]
#   scripts/bench.sh cluster --nodes 50 --guests 1000 --moreGuests 2500 --changes 20 --seconds 20
#   scripts/bench.sh migration --migrations 6
#
# The second and third are short runs of two benches: they show their figures and write nothing.
#
#   JIMV_BENCH_TRACES=DIR scripts/bench.sh migration
#
# writes, beside that, a record of each migration into the folder DIR: one JSON file each with libvirt's samples, what
# was told of them, and the moments at which it began and was over, so that another estimator can be tried on the same
# runs without moving a guest again.
#
# Needs root. Several may be named; without one all are run, which takes about half an hour. It uses a libvirtd of its
# own and removes every guest, process and file afterwards. The figures decide nothing: it fails only when it can't measure.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

for name in "$@"; do
  case $name in
    creation | sampling | reaction | start | cluster | migration | all) ;;
    -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 0 ;;
    --[a-z]* | [0-9]*) ;;
    *) fail "there is no bench \"$name\": creation, sampling, reaction, start, cluster, migration or all" ;;
  esac
done
[ "$(id -u)" = 0 ] || fail "libvirt needs root: run this with sudo"
need_packages libvirt-daemon libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu python3-libvirt \
  qemu-system-x86 qemu-utils dnsmasq-base iptables iproute2 chromium binutils "${cluster_packages[@]}"
need_bun
need_dependencies
[ $# -gt 0 ] || set -- all
exec bun scripts/bench/main.ts "$@"
