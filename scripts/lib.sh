# What the project's scripts share. To be sourced by bash scripts that run with `set -euo pipefail`.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The daemons that we start live there; a user's PATH need not have it.
PATH=$PATH:/usr/sbin:/sbin

# Progress for the person who waits, on standard error, so that standard output stays a script's result.
say() { printf '%s\n' "== $*" >&2; }
# Ends the script with a reason.
fail() {
  printf '%s\n' "failed: $*" >&2
  exit 1
}

apt_updated=no
# Refreshes apt's lists, once a run.
apt_update() {
  [ "$apt_updated" = no ] || return 0
  apt_updated=yes
  timeout 300 apt-get -qq update >&2 || fail "apt-get update did not work: check this machine's network and apt sources"
}

# Installs those of the given Debian packages that are missing.
need_packages() {
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "these packages are missing, and only root can install them: ${missing[*]}"
  apt_update
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive timeout 1800 apt-get -qq -y -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: ${missing[*]}"
  fi
  rm -f "$log"
}

# What running guests needs. libvirt's NAT networks need dnsmasq and iptables, which brings ebtables for its filters.
# shellcheck disable=SC2034 # used by the scripts that source this
hypervisor_packages=(libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base iptables iproute2 iputils-ping)

# What a cluster stands on; libfaketime puts a machine's clock wrong for a test.
# shellcheck disable=SC2034 # used by the scripts that source this
cluster_packages=(mariadb-server redis-server libfaketime)

# Puts the Bun that .bun-version names first in PATH; from the npm registry, into .cache, where it is not there yet.
need_bun() {
  local version
  version=$(cat "$top/.bun-version")
  PATH=$top/.cache/bun/node_modules/.bin:$PATH
  [ "$(bun --version 2>/dev/null)" != "$version" ] || return 0
  command -v npm >/dev/null || need_packages npm
  say "installing Bun $version"
  mkdir -p "$top/.cache/bun"
  timeout 600 npm install --silent --no-save --prefix "$top/.cache/bun" "bun@$version" >&2 ||
    fail "npm could not install bun@$version: check this machine's npm registry"
  hash -r
  [ "$(bun --version)" = "$version" ] || fail "the Bun that npm installed does not run on this machine"
}

# The packages of bun.lock, exactly.
need_dependencies() {
  (cd "$top" && timeout 600 bun install --frozen-lockfile --silent) || fail "bun could not install the packages of bun.lock"
}

systemd_runs() { [ -d /run/systemd/system ]; }

# Where systemd does not run: starts the calling script anew, in a mount namespace of its own, and so that whatever its
# children leave behind becomes its child and is reaped. Same process, same signals. Call it first, with "$0" "$@".
own_room() {
  if systemd_runs || [ "${JIMV_OWN_ROOM:-}" = "$$" ]; then return; fi
  # 157 is prctl(2) on x86-64, 36 is PR_SET_CHILD_SUBREAPER; every Debian has perl.
  JIMV_OWN_ROOM=$$ exec unshare --mount --propagation private \
    perl -e 'syscall(157, 36, 1, 0, 0, 0); exec @ARGV or die' bash "$@"
}

libvirtd_pid=
libvirt_folder=

# A libvirtd to use: the system's where systemd runs; else one of our own, whose configuration, state and sockets lie in
# the given folder (of which nothing is seen outside, except through the folder). Needs own_room. End it by stop_libvirtd.
start_libvirtd() {
  if systemd_runs; then
    systemctl start libvirtd || fail "libvirtd does not start: see journalctl -u libvirtd"
    return
  fi
  libvirt_folder=$1
  mkdir -p "$1"/{etc,lib,run,log,cache} /run/libvirt /etc/libvirt /var/{lib,log,cache}/libvirt
  chmod 711 "$1" "$1"/{lib,run}
  printf '%s\n' 'security_driver = "none"' 'user = "root"' 'group = "root"' 'remember_owner = 0' \
    'cgroup_controllers = []' 'namespaces = []' >"$1/etc/qemu.conf"
  printf '%s\n' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' >"$1/etc/libvirtd.conf"
  : >"$1/etc/virtlogd.conf"
  # What ran under an earlier call that was killed is gone; its notes would only mislead.
  rm -rf "${1:?}"/run/*
  mount --bind "$1/etc" /etc/libvirt
  mount --bind "$1/lib" /var/lib/libvirt
  mount --bind "$1/run" /run/libvirt
  mount --bind "$1/log" /var/log/libvirt
  mount --bind "$1/cache" /var/cache/libvirt
  setsid virtlogd --config /etc/libvirt/virtlogd.conf --pid-file /run/libvirt/virtlogd.pid >"$1/log/virtlogd.err" 2>&1 &
  setsid libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid >"$1/log/libvirtd.err" 2>&1 &
  libvirtd_pid=$!
  within 60 "libvirtd to answer" libvirtd_answers
}
libvirtd_answers() {
  kill -0 "$libvirtd_pid" 2>/dev/null || fail "libvirtd ended at once: $(tail -n 5 "$libvirt_folder/log/libvirtd.err")"
  timeout 20 virsh -q -c qemu:///system version >/dev/null 2>&1
}

# Ends our own libvirtd with its networks, and everything else that this script started or inherited.
stop_libvirtd() {
  local pid children=()
  if [ -n "$libvirtd_pid" ]; then
    stop_networks qemu:///system
    end_process "$libvirtd_pid" || true
    libvirtd_pid=
  fi
  read -ra children <"/proc/$$/task/$$/children" || true
  for pid in "${children[@]}"; do end_process "$pid" || true; done
}

# Stops the networks of a libvirtd that is ours, so that no bridge and no firewall rule stays. One that is dead has none.
stop_networks() {
  local network
  { timeout 20 virsh -q -c "$1" net-list --name 2>/dev/null || true; } | while read -r network; do
    [ -z "$network" ] || timeout 20 virsh -q -c "$1" net-destroy "$network" >/dev/null 2>&1 || true
  done
}

# Ends one process: politely, then after 10 seconds for good, which it says by failing.
end_process() {
  local i
  kill "$1" 2>/dev/null || return 0
  for ((i = 0; i < 100; i++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
  return 1
}

# Waits until a command succeeds: within SECONDS "what for" COMMAND...
within() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "waited in vain for $what"
    sleep 0.2
  done
}

# Builds dist/jimv unless it is newer than all it is made from.
build_jimv() {
  if [ -x "$top/dist/jimv" ] && [ -z "$(find "$top"/{src,scripts/build.ts,scripts/assets.ts,package.json,bun.lock,tsconfig.json} \
    -path "$top/src/ui/assets" -prune -o -type f -newer "$top/dist/jimv" -print -quit)" ]; then return; fi
  say "building dist/jimv"
  (cd "$top" && timeout 600 bun scripts/build.ts >&2) || fail "dist/jimv could not be built"
}
