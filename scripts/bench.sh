#!/usr/bin/env bash
# Measures the program on this machine and writes docs/performance.md.
#
#   scripts/bench.sh [creation|sampling|reaction|start|all]
#
# Needs root. Several may be named; without one all are run, which takes about twelve minutes. It uses a libvirtd of its
# own and removes every guest, process and file afterwards. The figures decide nothing: it fails only when it can't measure.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

for name in "$@"; do
  case $name in
    creation | sampling | reaction | start | all) ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "there is no bench \"$name\": creation, sampling, reaction, start or all" ;;
  esac
done
[ "$(id -u)" = 0 ] || fail "libvirt needs root: run this with sudo"
need_packages libvirt-daemon libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu python3-libvirt \
  qemu-system-x86 qemu-utils dnsmasq-base iptables iproute2 chromium
need_bun
need_dependencies
[ $# -gt 0 ] || set -- all
exec bun scripts/bench/main.ts "$@"
