# What the project's scripts share. To be sourced by bash scripts that run with `set -euo pipefail`.
# shellcheck shell=bash

# shellcheck disable=SC2034 # used by the scripts that source this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

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
  DEBIAN_FRONTEND=noninteractive timeout 1800 apt-get -qq -y -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "${missing[@]}" >/dev/null || fail "apt-get could not install: ${missing[*]}"
}
