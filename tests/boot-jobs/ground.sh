#!/usr/bin/env bash
# What the real test of boot jobs stands on: libguestfs with a kernel for its small machine, and a small guest's disk.
#
#   tests/boot-jobs/ground.sh FOLDER
#
# Makes FOLDER/guest.qcow2 (busybox as a Linux that libguestfs finds) and FOLDER/environment with the kernel's place, which
# is empty where this machine has a kernel of its own in /boot. Needs root on a Debian 12.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"
out=${1:?"say where to: ground.sh FOLDER"}
cache=$top/.cache/appliance
mkdir -p "$out" "$cache"
need_packages libguestfs-tools e2fsprogs qemu-utils kmod

fetch() {
  local folder
  folder=$(mktemp -d "$cache/.fetch.XXXXXX")
  (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download "$1" >&2) || { apt_update && (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download "$1" >&2); }
  dpkg-deb -x "$folder"/*.deb "$folder/tree"
  mv "$folder/tree" "$2"
  rm -rf "$folder"
}

: >"$out/environment"
if ! ls /boot/vmlinuz-* >/dev/null 2>&1 || [ ! -d /lib/modules ]; then
  # Containers and small virtual machines have none; libguestfs takes one that lies elsewhere.
  if [ ! -d "$cache/kernel" ]; then
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    [ -n "$kernel" ] || { apt_update && kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1); }
    fetch "$kernel" "$cache/kernel"
    depmod -b "$cache/kernel" "$(ls "$cache/kernel/lib/modules")"
  fi
  # libguestfs looks whether it is there before it looks where it was told.
  mkdir -p /lib/modules
  release=$(ls "$cache/kernel/lib/modules")
  printf '%s\n' "SUPERMIN_KERNEL=$cache/kernel/boot/vmlinuz-$release" "SUPERMIN_MODULES=$cache/kernel/lib/modules/$release" >"$out/environment"
fi

[ -d "$cache/busybox" ] || fetch busybox-static "$cache/busybox"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,tmp,var/lib,root,boot,lib}
# The folders that distributions have for what sets up their networks.
mkdir -p "$root"/etc/{systemd/network,netplan,NetworkManager/system-connections,sysconfig/network-scripts} \
  "$root"/etc/{conf.d,init.d,runlevels/default,network,udev/rules.d}
cp "$cache/busybox/bin/busybox" "$root/bin/busybox"
for applet in sh cat tail echo printf id timeout rm ln cmp mkdir ls awk cut date grep mkpasswd mv sync; do ln -s busybox "$root/bin/$applet"; done
echo '12.0' >"$root/etc/debian_version"
printf 'ID=debian\nNAME=Debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n' >"$root/etc/os-release"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
echo 'before' >"$root/etc/hostname"
chmod 0640 "$root/etc/hostname"
cp "$top/scripts/demo-template/root/usr/sbin/chpasswd" "$root/usr/sbin/chpasswd"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:*:19000:0:99999:7:::' >"$root/etc/shadow"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
# With a policy that this appliance can't label by: the guest must be told to.
mkdir -p "$root/etc/selinux"
printf 'SELINUX=enforcing\nSELINUXTYPE=targeted\n' >"$root/etc/selinux/config"
mke2fs -q -F -t ext4 -L guest -d "$root" "$out/guest.raw" 48M
qemu-img convert -f raw -O qcow2 "$out/guest.raw" "$out/guest.qcow2"
rm "$out/guest.raw"
