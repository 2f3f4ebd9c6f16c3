#!/usr/bin/env bash
# Brings a lab up and prints the controller's address: machines made of namespaces, with libvirt, MariaDB and Redis.
#
#   tests/lab/up.sh [NODES] [CONTROLLERS]      (3 and 1 by default)
#
# Needs root and dist/jimv (built here if it is missing or old). Ends by tests/lab/down.sh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
state=/run/jimv-lab

[ "$(id -u)" = 0 ] || fail "the lab makes namespaces and networks, which only root may"
[ ! -e "$state" ] || "$top/tests/lab/down.sh"
need_packages "${hypervisor_packages[@]}" "${cluster_packages[@]}" perl
need_bun
need_dependencies
build_jimv
mkdir -m 700 "$state"
setsid bun "$top/tests/lab/up.ts" "$state" "${1:-3}" "${2:-1}" >"$state/log" 2>&1 &
pid=$!
ready() {
  kill -0 "$pid" 2>/dev/null || fail "the lab did not come up: $(tail -n 20 "$state/log")"
  [ -e "$state/ready" ]
}
within 120 "the lab" ready
cat "$state/ready"
