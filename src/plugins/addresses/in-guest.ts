/**
 * What is said to a guest's shell through its agent. The values are arguments, never part of the text. One
 * replacement has one folder in the guest (`/run/jimv-address-<id>`, gone with a reboot); the link `decision` in it
 * is made once, by whoever is first, the timer that rolls back or the one who keeps the change: making a link is
 * atomic, so that never both happen.
 */

/** Exit codes of the scripts below. */
export const codes = {
  noCard: 10,
  noTools: 11,
  refused: 13,
  /** It was decided already: taken back where it shall be kept, or kept where it shall be taken back. */
  tooLate: 20,
  /** This boot of the guest knows of no change. */
  nothingHere: 21,
} as const;

/** Arguments: id, MAC, old address/prefix, new address/prefix, gateway or "", seconds until it is taken back. */
export const applyScript = `export PATH=/usr/sbin:/usr/bin:/sbin:/bin
dir=/run/jimv-address-$1 mac=$2 old=$3 new=$4 gateway=$5 seconds=$6
command -v ip >/dev/null && command -v awk >/dev/null || exit ${codes.noTools}
case $(readlink "$dir/decision" 2>/dev/null) in
  keep) exit 0 ;;
  back) rm -rf "$dir" ;;
esac
[ ! -e "$dir/armed" ] || exit 0
rm -rf "$dir"
mkdir -m 700 "$dir" || exit ${codes.noTools}
card=
for path in /sys/class/net/*; do
  [ -e "$path/device" ] || continue
  [ "$(cat "$path/address")" = "$mac" ] && card=\${path##*/}
done
[ -n "$card" ] || exit ${codes.noCard}
case $new in *:*) family=-6 ;; *) family=-4 ;; esac
has() { ip -o "$family" addr show dev "$card" | awk -v a="\${1%/*}/" 'index($4, a) == 1 { print $4; exit }'; }
# As the guest has it: its prefix may be another than the booked one, and it may have lost it.
had=$(has "$old")
# A boot since then has set the new one up: there is nothing to change, and nothing to go back to.
if [ -z "$had" ] && [ -n "$(has "$new")" ]; then
  ln -s keep "$dir/decision"
  exit 0
fi
via=$(ip "$family" route show default dev "$card" | awk '{ for (i = 1; i < NF; i++) if ($i == "via") { print $(i + 1); exit } }')
cat >"$dir/back" <<'BACK'
dir=$1 family=$2 card=$3 had=$4 new=$5 via=$6
ln -s back "$dir/decision" 2>/dev/null || [ "$(readlink "$dir/decision")" = back ] || exit 0
ip addr del "$new" dev "$card"
[ -z "$had" ] || ip addr add "$had" dev "$card"
[ -z "$via" ] || ip "$family" route replace default via "$via" dev "$card"
BACK
set -- "$dir/back" "$dir" "$family" "$card" "$had" "$new" "$via"
printf '%s\\n' "$family" "$card" "$had" "$new" "$via" >"$dir/values"
# The timer comes before the change. Where there is systemd it belongs to nobody who might be restarted.
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null &&
  systemd-run --quiet --collect --unit="jimv-address-\${dir##*-address-}" --on-active="$seconds" \\
    --timer-property=AccuracySec=500ms /bin/sh "$@"; then :; else
  setsid /bin/sh -c 'sleep "$1"; shift; exec /bin/sh "$@"' sh "$seconds" "$@" </dev/null >/dev/null 2>&1 &
fi
: >"$dir/armed"
[ -z "$had" ] || ip addr del "$had" dev "$card"
{ ip addr add "$new" dev "$card" &&
  { [ -z "$gateway" ] || ip "$family" route replace default via "$gateway" dev "$card"; }; } || {
  /bin/sh "$@"
  exit ${codes.refused}
}`;

/** Arguments: id. The change stays, unless the timer was first (20), or there is none (21). */
export const keepScript = `export PATH=/usr/sbin:/usr/bin:/sbin:/bin
dir=/run/jimv-address-$1
[ -d "$dir" ] || exit ${codes.nothingHere}
ln -s keep "$dir/decision" 2>/dev/null
[ "$(readlink "$dir/decision" 2>/dev/null)" = keep ] || exit ${codes.tooLate}`;

/** Arguments: id. Takes the change back now, without waiting for the timer; 20 where it was kept before, 21 where there is none. */
export const backScript = `export PATH=/usr/sbin:/usr/bin:/sbin:/bin
dir=/run/jimv-address-$1
[ "$(readlink "$dir/decision" 2>/dev/null)" != keep ] || exit ${codes.tooLate}
[ -e "$dir/values" ] || exit ${codes.nothingHere}
{ read -r family; read -r card; read -r had; read -r new; read -r via; } <"$dir/values"
/bin/sh "$dir/back" "$dir" "$family" "$card" "$had" "$new" "$via"
[ "$(readlink "$dir/decision")" = back ] || exit ${codes.tooLate}`;
