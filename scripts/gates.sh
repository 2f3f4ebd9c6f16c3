#!/usr/bin/env bash
# All checks beside the tests, each of which can be run alone. Says which failed; ends with 1 if any did.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()

gate() {
  local name=$1 begin end
  shift
  begin=$(date +%s)
  if "$@" >"$log" 2>&1; then
    end=$(date +%s)
    printf 'gate %-11s ok      %3d s  %s\n' "$name" $((end - begin)) "$(tail -n 1 "$log")"
  else
    failed+=("$name")
    printf 'gate %-11s FAILED\n' "$name"
    cat "$log"
  fi
}

gate lint bun --bun node_modules/.bin/biome check --error-on-warnings .
gate types bun --bun node_modules/.bin/tsc --noEmit
gate walls bun scripts/gates/walls.ts
gate plugins bun scripts/gates/plugins.ts
gate words bun scripts/gates/words.ts
gate unused bun --bun node_modules/.bin/knip --no-progress
gate tidy bun scripts/gates/tidy.ts
if command -v shellcheck >/dev/null; then
  mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)
  gate shell shellcheck -x "${scripts[@]}"
  # The demo guest's own scripts have no ending, and run in busybox's shell.
  mapfile -t scripts < <(grep -rlx '#!/bin/sh' scripts/demo-template/root)
  gate guest-shell shellcheck -s dash "${scripts[@]}"
fi
if [ -x dist/jimv ]; then
  gate executable bun scripts/gates/executable.ts dist/jimv
fi

if [ ${#failed[@]} -gt 0 ]; then
  echo "gates failed: ${failed[*]}"
  exit 1
fi
