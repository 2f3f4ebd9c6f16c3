#!/usr/bin/env bash
# Installs what the tests need and runs them all: build, gates, unit tests, then each folder of tests/.
#
#   scripts/test.sh [--long] [--only GROUP]...
#
#   --long         the long form of tests that have one (JIMV_LONG=1)
#   --only GROUP   only this group: gates, src, scripts, or a folder of tests/; may be given again
#
# For Debian 12 on x86-64, as root, with or without systemd. Ends with where the time went and one line
# `N passed, N failed`; a failed gate counts as one failure. Exit code 1 if anything failed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$top"

only=()
while [ $# -gt 0 ]; do
  case $1 in
    --long) export JIMV_LONG=1 ;;
    --only) only+=("${2:?"--only needs a group"}") && shift ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
    *) fail "test.sh does not know $1; --help says what it knows" ;;
  esac
  shift
done

# Quick ones first; a folder that is not named here comes last.
order=(gates scripts src seed plugins store road world scenarios libvirt cli image ui)
groups=()
mapfile -t folders < <(find tests -name '*.test.ts' -o -name '*.test.tsx' | cut -d/ -f2 | sort -u)
for group in "${order[@]}" "${folders[@]}"; do
  case $group in
    gates | scripts | src) ;;
    *) [[ " ${folders[*]} " == *" $group "* ]] || continue ;;
  esac
  [[ " ${groups[*]-} " == *" $group "* ]] || groups+=("$group")
done
for group in "${only[@]}"; do
  [[ " ${groups[*]} " == *" $group "* ]] || fail "there is no group $group; there are: ${groups[*]}"
done
[ ${#only[@]} -eq 0 ] || groups=("${only[@]}")

logs=$(mktemp -d)
child=
# Nodes that run here reserve their ports on this machine; at the end it has those that it had.
reserved_file=/proc/sys/net/ipv4/ip_local_reserved_ports
reserved=$(cat $reserved_file)
# What is running ends with the script; each test run is its own process group, so that nothing of it stays.
finish() {
  [ -z "$child" ] || kill -KILL -- "-$child" 2>/dev/null || true
  rm -rf "$logs"
  [ "$(cat $reserved_file)" = "$reserved" ] || echo "$reserved" >$reserved_file || true
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

names=() seconds=() results=()
passed=0 failed=0
began=$SECONDS
# Notes how long a step took and what came out: note NAME SECONDS RESULT
note() {
  names+=("$1") seconds+=("$2") results+=("$3")
}
# Runs a step that is no test; its failure ends everything.
step() {
  local start=$SECONDS name=$1
  shift
  "$@"
  note "$name" $((SECONDS - start)) ok
}

install() {
  need_packages "${hypervisor_packages[@]}" "${cluster_packages[@]}" chromium fonts-noto-cjk shellcheck genisoimage openssl \
    e2fsprogs perl procps glusterfs-server glusterfs-client libguestfs-tools \
    ceph-mon ceph-osd ceph-mgr ceph-common libvirt-daemon-driver-storage-rbd qemu-block-extra
  need_bun
  need_dependencies
}

# Sums what bun's summaries say: count WORD FILE
count() { awk -v word="$1" '$2 == word && NF == 2 && $1 ~ /^[0-9]+$/ { n += $1 } END { print n + 0 }' "$2"; }

# Runs one group and adds to the sums; says everything about a group that fails.
run_group() {
  local group=$1 start=$SECONDS status=0 log=$logs/$1 good bad limit=1800
  # A fault of the lab alone holds for a minute then, and there are eleven.
  [ "${JIMV_LONG:-}" != 1 ] || limit=3600
  say "$group"
  case $group in
    gates) setsid timeout --kill-after=10 900 scripts/gates.sh >"$log" 2>&1 & ;;
    src | scripts) setsid timeout --kill-after=10 600 bun test "./$group/" >"$log" 2>&1 & ;;
    *) setsid timeout --kill-after=10 "$limit" bun test "./tests/$group/" >"$log" 2>&1 & ;;
  esac
  child=$!
  wait "$child" || status=$?
  kill -KILL -- "-$child" 2>/dev/null || true
  child=
  if [ "$group" = gates ]; then
    good=$(grep -c '^gate .* ok ' "$log" || true)
    bad=$(grep -c '^gate .* FAILED' "$log" || true)
  else
    good=$(count pass "$log")
    bad=$(count fail "$log")
  fi
  # A run that broke off has no honest summary.
  [ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
  if [ "$bad" -gt 0 ]; then
    cat "$log"
    [ "$status" != 124 ] || echo "$group ran out of its time"
  elif [ "$group" = gates ]; then
    cat "$log"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  note "$group" $((SECONDS - start)) "$good passed, $bad failed"
}

step install install
step build build_jimv
step template scripts/demo-template.sh "$logs/template.qcow2"
rm -f "$logs/template.qcow2"
for group in "${groups[@]}"; do run_group "$group"; done

echo
echo "Where the time went"
for i in "${!names[@]}"; do printf '  %-12s %5d s   %s\n' "${names[i]}" "${seconds[i]}" "${results[i]}"; done
printf '  %-12s %5d s\n\n' together $((SECONDS - began))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
