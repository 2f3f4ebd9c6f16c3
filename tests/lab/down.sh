#!/usr/bin/env bash
# Takes the lab of up.sh down, with everything that runs in it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
state=/run/jimv-lab

[ -e "$state" ] || fail "there is no lab: tests/lab/up.sh brings one up"
read -r pid started <"$state/pid" || true
# A process number may belong to somebody else by now.
if [ -n "${pid:-}" ] && [ "$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)" = "${started:-}" ]; then
  end_process "$pid"
fi
rm -rf "$state"
