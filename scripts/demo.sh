#!/usr/bin/env bash
# JimV on this machine with one guest, from nothing: installs what is missing, builds, starts, creates a guest, waits
# until the guest has booted, and says where to look. Goes on serving until Ctrl-C.
#
#   scripts/demo.sh [--exit] [--data DIR] [--listen ADDR:PORT]
#
#   --exit     stop cleanly once the guest has booted: exit code 0, or another one with the reason
#   --data     where everything of the demo lives (default /var/lib/jimv-demo); a second run reuses it
#   --listen   where the pages are served (default 127.0.0.1:8008)
#
# For Debian 12 on x86-64, as root. Remove the data folder to begin anew.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

data=/var/lib/jimv-demo listen=127.0.0.1:8008 leave=no
arguments=("$@")
while [ $# -gt 0 ]; do
  case $1 in
    --exit) leave=yes ;;
    --data) data=${2:?"--data needs a folder"} && shift ;;
    --listen) listen=${2:?"--listen needs ADDR:PORT"} && shift ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
    *) fail "demo.sh does not know $1; --help says what it knows" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || fail "run it as root: it installs packages and runs guests"
[ "$(uname -m)" = x86_64 ] || fail "the demo guest is for x86-64, and this is $(uname -m)"
own_room "$0" "${arguments[@]}"

jimv_pid='' stopping=no
stop() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  stopping=yes
  if [ -n "$jimv_pid" ]; then
    say "stopping"
    # What did not end as it should is told, and fails a demo that was to stop cleanly.
    timeout 90 bun "$top/scripts/demo.ts" down --listen "$listen" --data "$data" >&2 ||
      { echo "the demo guest could not be stopped; the log is $data/jimv.log" >&2; [ "$status" != 0 ] || status=1; }
    end_process "$jimv_pid" ||
      { echo "jimv did not stop by itself and was killed; the log is $data/jimv.log" >&2; [ "$status" != 0 ] || status=1; }
  fi
  stop_libvirtd
  exit "$status"
}
trap stop EXIT
# Ctrl-C is how a demo ends, once its guest has booted; before that it did not do what it was to do.
is_up=no
trap '[ "$is_up" = yes ] && exit 0; echo "stopped before the guest had booted" >&2; exit 130' INT TERM HUP

# Ends what a demo that was killed left running: its JimV, and whatever sees its folder as libvirt's.
end_leftovers() {
  local process pid left=()
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    if [[ $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") == *"jimv standalone --data $data "* ]] ||
      [ "$process/root/run/libvirt" -ef "$data/libvirt/run" ]; then left+=("$pid"); fi
  done
  [ ${#left[@]} -gt 0 ] || return 0
  say "ending what an earlier demo left running"
  stop_networks "qemu+unix:///system?socket=$data/libvirt/run/libvirt-sock"
  for pid in "${left[@]}"; do end_process "$pid" || true; done
}

# Whether something accepts connections there; 0.0.0.0 and [::] are this machine, too.
is_served() {
  local address=${1%:*} port=${1##*:}
  address=${address#[} address=${address%]}
  (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null
}

mkdir -p "$data"
chmod 711 "$data"
exec 9>"$data/demo.lock"
flock -n 9 || fail "a demo already runs with $data"
# A demo of this folder that was killed may still serve there: only what is left after it is somebody else's.
end_leftovers
! is_served "$listen" || fail "another program already serves $listen: end it, or choose another address by --listen ADDR:PORT"

need_packages "${hypervisor_packages[@]}" libguestfs-tools 9>&-
need_bun 9>&-
need_dependencies 9>&-
build_jimv 9>&-
say "starting libvirtd"
start_libvirtd "$data/libvirt" 9>&-
"$top/scripts/demo-template.sh" "$data/templates/demo.qcow2" 9>&-
chmod 755 "$data/templates"

# The administrator's password: made once, readable by root alone.
password=$data/administrator-password
if [ ! -s "$password" ]; then
  (umask 077 && tr -dc 'a-km-zA-HJ-NP-Z2-9' </dev/urandom | head -c 16 >"$password.new") || [ -s "$password.new" ]
  mv "$password.new" "$password"
fi
if [ ! -e "$data/is-set-up" ]; then
  "$top/dist/jimv" setup --data "$data" --admin-name admin --admin-password-file "$password" >"$data/setup.log" 2>&1 ||
    "$top/dist/jimv" setup --data "$data" --reset-administrator admin --admin-password-file "$password" >>"$data/setup.log" 2>&1 ||
    fail "jimv setup did not work: $(tail -n 3 "$data/setup.log")"
  touch "$data/is-set-up"
fi

say "starting JimV"
# In a session of its own: Ctrl-C reaches this script, which stops things in order.
setsid "$top/dist/jimv" standalone --data "$data" --listen "$listen" >"$data/jimv.log" 2>&1 9>&- &
jimv_pid=$!
bun "$top/scripts/demo.ts" up --listen "$listen" --data "$data" --pid "$jimv_pid" 9>&- ||
  { tail -n 15 "$data/jimv.log" >&2; fail "the demo guest did not come up; the log is $data/jimv.log"; }
[ "$leave" = no ] || exit 0
is_up=yes

echo "Ctrl-C ends it."
wait "$jimv_pid" || true
[ "$stopping" = yes ] || fail "jimv ended by itself: $(tail -n 5 "$data/jimv.log")"
