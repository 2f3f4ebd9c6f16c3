#!/usr/bin/env bash
# Makes a cloud image as distributions give them out: Debian 12 with its cloud kernel, systemd, cloud-init, the guest
# agent and an SSH server, and nothing that knows JimV.
#
#   tests/first-boot/debian-image.sh OUT.qcow2 [CACHE_FOLDER [PACKAGE...]]
#
# PACKAGES are installed beside those.
# Needs root on a Debian 12, but no loop device and no mount: the root file system is written by mke2fs, and a FAT
# partition before it carries boot loader, kernel and initramfs. Made once and kept in CACHE_FOLDER (default .cache)
# under a hash of this script and the versions of the packages that matter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"

out=${1:?"say where to write the image: debian-image.sh OUT.qcow2 [CACHE_FOLDER]"}
cache=${2:-$top/.cache}
more=("${@:3}")
readonly boot_mib=96 root_mib=900

need_packages mmdebstrap syslinux syslinux-common mtools e2fsprogs qemu-utils
packages=(linux-image-cloud-amd64 systemd-sysv dbus udev iproute2 netplan.io cloud-init cloud-guest-utils
  qemu-guest-agent openssh-server sudo e2fsprogs "${more[@]}")
versions=$(apt-get --print-uris download linux-image-cloud-amd64 cloud-init qemu-guest-agent 2>/dev/null |
  awk '{ print $2 }' | sort)
key=$({ echo "$versions" "${more[@]}"; sha256sum <"$0"; } | sha256sum | cut -c-16)
# Each choice of packages has one image in the cache: a newer one takes its place.
kind=debian-cloud$(printf -- '-%s' "${more[@]:-plain}")
made=$cache/$kind-$key.qcow2
mkdir -p "$(dirname "$out")" "$cache"
if [ -s "$made" ]; then
  cp --sparse=always "$made" "$out"
  exit 0
fi

work=$(mktemp -d /var/tmp/jimv-debian.XXXXXX)
trap 'rm -rf "$work" "$cache/.debian-$key.$$"' EXIT
say "installing Debian for a cloud image"
mmdebstrap --quiet --mode=root --variant=minbase --include="$(IFS=, && echo "${packages[*]}")" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/root"
root=$work/root

# What makes an installation an image: no identity, no keys, no network but what it is told at its first boot.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf" "$root/etc/hostname" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
echo 'LABEL=root / ext4 defaults 0 1' >"$root/etc/fstab"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
# As Debian's own images do: every card asks for an address, unless cloud-init says otherwise.
cat >"$root/etc/netplan/90-default.yaml" <<'NETPLAN'
network:
  version: 2
  ethernets:
    all-en:
      match: {name: "en*"}
      dhcp4: true
NETPLAN
chmod 600 "$root/etc/netplan/90-default.yaml"
systemctl --root="$root" --quiet enable systemd-networkd.service
# They would only take the emulated processor's time.
systemctl --root="$root" --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer

say "writing the disk"
disk=$work/disk
boot_start=2048 # sectors; both partitions begin on whole MiB
root_start=$((boot_start + boot_mib * 2048))
truncate -s "$((1 + boot_mib + root_mib + 1))M" "$disk"
# An emulated processor that others keep from running seems to have a broken timer: the kernel would panic.
cat >"$work/syslinux.cfg" <<'CONFIG'
DEFAULT debian
PROMPT 0
TIMEOUT 0
LABEL debian
  KERNEL /vmlinuz
  INITRD /initrd
  APPEND root=LABEL=root ro no_timer_check console=tty0 console=ttyS0,115200
CONFIG
export MTOOLS_SKIP_CHECK=1
fat="$disk@@$((boot_start * 512))"
mformat -i "$fat" -T "$((boot_mib * 2048))" -h 64 -s 32 -H "$boot_start" -v BOOT ::
mcopy -i "$fat" "$root/vmlinuz" ::vmlinuz
mcopy -i "$fat" "$root/initrd.img" ::initrd
mcopy -i "$fat" "$work/syslinux.cfg" ::syslinux.cfg
syslinux --install --offset "$((boot_start * 512))" "$disk"
mke2fs -q -F -t ext4 -L root -E "offset=$((root_start * 512))" -d "$root" "$disk" "${root_mib}M"
sfdisk --quiet --no-reread --no-tell-kernel --wipe never "$disk" <<PARTITIONS
label: dos
start=$boot_start, size=$((boot_mib * 2048)), type=e, bootable
start=$root_start, size=$((root_mib * 2048)), type=83
PARTITIONS
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$disk" conv=notrunc status=none

qemu-img convert -f raw -O qcow2 -o compat=1.1 "$disk" "$cache/.debian-$key.$$"
find "$cache" -maxdepth 1 -regex ".*/$kind-[0-9a-f]*\.qcow2" -delete
mv "$cache/.debian-$key.$$" "$made"
cp --sparse=always "$made" "$out"
say "the Debian image is $(($(stat -c %s "$out") / 1048576)) MiB: $out"
