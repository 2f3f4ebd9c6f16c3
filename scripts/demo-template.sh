#!/usr/bin/env bash
# Makes the demo template: a small bootable Linux disk from Debian's packages, for demonstrations and tests.
#
#   scripts/demo-template.sh OUT.qcow2 [CACHE_FOLDER]
#
# Needs root on a Debian 12 (it unpacks system packages into a temporary folder; nothing of them is installed), but no
# loop device, no mount and no udev. The result is kept in CACHE_FOLDER (default /var/cache/jimv) under a hash of these
# scripts and the package versions, so that a second call only copies it.
#
# The disk: a FAT partition with the boot loader, Debian's cloud kernel and an initramfs that is the whole system
# (busybox, the guest agent with exactly its libraries), and an ext4 partition for what must outlast a reboot: there lie
# the folders that change, and busybox, so that it is a Linux to whoever looks into the disk while the guest is off.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

out=${1:?"say where to write the image: demo-template.sh OUT.qcow2 [CACHE_FOLDER]"}
cache=${2:-/var/cache/jimv}
readonly boot_mib=32 state_mib=16

need_packages e2fsprogs qemu-utils
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
if [ -z "$kernel" ]; then
  apt_update
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
fi
[ -n "$kernel" ] || fail "apt knows no linux-image-cloud-amd64: check the entries in /etc/apt/sources.list.d"
packages=("$kernel" busybox-static syslinux syslinux-common mtools qemu-guest-agent
  libc6 libglib2.0-0 libpcre2-8-0 libnuma1 libudev1 liburing2)

# What apt would fetch now: name and version of each package.
versions=$(apt-get --print-uris --allow-downgrades download "${packages[@]}" 2>/dev/null | awk '{ print $2 }' | sort)
key=$({ echo "$versions"; find "$here/demo-template" "$here/demo-template.sh" -type f | sort | xargs sha256sum | cut -c-64; } | sha256sum | cut -c-16)
made=$cache/demo-$key.qcow2
mkdir -p "$(dirname "$out")" "$cache"
if [ -s "$made" ]; then
  cp --sparse=always "$made" "$out.part"
  mv "$out.part" "$out"
  exit 0
fi

work=$(mktemp -d /var/tmp/jimv-template.XXXXXX)
trap 'rm -rf "$work" "$cache/.demo-$key.$$"' EXIT
mkdir "$work"/{debs,tree,root}
say "fetching ${#packages[@]} packages for the demo template"
(cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}")
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/tree"; done
tree=$work/tree root=$work/root
busybox=$tree/bin/busybox
release=${kernel#linux-image-}

say "putting the guest's system together"
cp -a "$here/demo-template/root/." "$root/"
mkdir -p "$root"/{bin,dev,proc,sys,run,tmp,root,home,var/persist,var/lib,lib/modules,lib64,usr/lib/x86_64-linux-gnu}
chown -R 0:0 "$root"
chmod 700 "$root/root"
chmod 600 "$root/etc/shadow"
cp "$busybox" "$root/bin/busybox"
# Our own small commands go before busybox's of the same name.
"$busybox" --list-full | while read -r applet; do
  [ -e "$root/$applet" ] || { mkdir -p "$root/$(dirname "$applet")" && ln -s /bin/busybox "$root/$applet"; }
done
cp "$tree/usr/sbin/qemu-ga" "$root/usr/sbin/qemu-ga"
libraries=$tree/lib/x86_64-linux-gnu:$tree/usr/lib/x86_64-linux-gnu
loader=$tree/lib64/ld-linux-x86-64.so.2
cp -L "$loader" "$root/lib64/"
"$loader" --library-path "$libraries" --list "$tree/usr/sbin/qemu-ga" | awk '$2 == "=>" && $1 !~ /^\// { print $3 }' |
  while read -r library; do cp -L "$library" "$root/usr/lib/x86_64-linux-gnu/"; done
ln -s ../usr/lib/x86_64-linux-gnu "$root/lib/x86_64-linux-gnu"

# The drivers a guest needs, each after those it stands on, as one flat list to load in order.
"$busybox" depmod -b "$tree" "$release"
wanted=(virtio_pci virtio_blk virtio_scsi sd_mod sr_mod virtio_net virtio_console virtio-rng virtio_balloon evdev button isofs
  nls_cp437 nls_ascii nls_utf8 vfat)
awk -v wanted="${wanted[*]}" '
  function name(path) { sub(/.*\//, "", path); sub(/\.ko$/, "", path); return path }
  function visit(module,   list, n, i) {
    if (done[module]++) return
    n = split(needs[module], list, " ")
    for (i = n; i >= 1; i--) visit(name(list[i]))
    print where[module]
  }
  { split($0, halves, ":"); where[name(halves[1])] = halves[1]; needs[name(halves[1])] = halves[2] }
  END { n = split(wanted, list, " "); for (i = 1; i <= n; i++) { if (list[i] in where) visit(list[i]); else { print "no module " list[i] > "/dev/stderr"; exit 1 } } }
' "$tree/lib/modules/$release/modules.dep" >"$work/order"
while read -r module; do
  cp "$tree/lib/modules/$release/$module" "$root/lib/modules/"
  echo "${module##*/}" >>"$root/lib/modules/order"
done <"$work/order"
(cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) | gzip -9 >"$work/initrd"

say "writing the disk"
disk=$work/disk
part_start=2048 # sectors; both partitions begin on whole MiB
state_start=$((part_start + boot_mib * 2048))
truncate -s "$((1 + boot_mib + state_mib + 1))M" "$disk"
# An emulated processor that others keep from running seems to have a broken timer: the kernel would panic (no_timer_check).
cat >"$work/syslinux.cfg" <<CONFIG
DEFAULT jimv
PROMPT 0
TIMEOUT 0
LABEL jimv
  KERNEL /vmlinuz
  INITRD /initrd
  APPEND quiet loglevel=3 no_timer_check consoleblank=0 mitigations=off nokaslr random.trust_cpu=on console=ttyS0,115200 console=tty0
CONFIG
export PATH="$tree/usr/bin:$PATH" MTOOLS_SKIP_CHECK=1
fat="$disk@@$((part_start * 512))"
mformat -i "$fat" -T "$((boot_mib * 2048))" -h 64 -s 32 -H "$part_start" -v JIMVBOOT ::
mcopy -i "$fat" "$tree/boot/vmlinuz-$release" ::vmlinuz
mcopy -i "$fat" "$work/initrd" ::initrd
mcopy -i "$fat" "$work/syslinux.cfg" ::syslinux.cfg
syslinux --install --offset "$((part_start * 512))" "$disk"

state=$work/state
mkdir -p "$state"/{bin,dev,proc,sys,run,tmp}
for folder in etc root home var bin sbin usr/bin usr/sbin; do
  mkdir -p "$state/$folder"
  cp -a "$root/$folder/." "$state/$folder/"
done
rm "$state/usr/sbin/qemu-ga"
mke2fs -q -F -t ext4 -L jimv-demo -m 0 -b 1024 -J size=1 -E "offset=$((state_start * 512)),root_owner=0:0" -d "$state" "$disk" "${state_mib}M"

# The partition table: boot code, then two entries (flag, type, first sector, length), then the signature.
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
entry() { printf '\\x%s\\xfe\\xff\\xff\\x%s\\xfe\\xff\\xff%s%s' "$1" "$2" "$(le32 "$3")" "$(le32 "$4")"; }
dd if="$tree/usr/lib/syslinux/mbr/mbr.bin" of="$disk" conv=notrunc status=none
printf '%b' "$(entry 80 0e "$part_start" $((boot_mib * 2048)))$(entry 00 83 "$state_start" $((state_mib * 2048)))" |
  dd of="$disk" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of="$disk" bs=1 seek=510 conv=notrunc status=none

qemu-img convert -f raw -O qcow2 -o compat=1.1 "$disk" "$cache/.demo-$key.$$"
find "$cache" -maxdepth 1 -name 'demo-*.qcow2' -delete
mv "$cache/.demo-$key.$$" "$made"
cp --sparse=always "$made" "$out.part"
mv "$out.part" "$out"
say "the demo template is $(($(stat -c %s "$out") / 1048576)) MiB: $out"
