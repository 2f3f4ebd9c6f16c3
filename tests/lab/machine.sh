#!/bin/sh
# The inside of a machine of the lab, run in fresh mount, network, uts and pid namespaces: private folders, a name
# and an id of its own; then process 1.
#   machine.sh ROOM NAME INIT
set -e
room=$1 name=$2 init=$3
folder=$room/$name
mount -t proc proc /proc
# Shows this network namespace's devices instead of the real machine's.
mount -t sysfs sysfs /sys
for point in /run /var/lib/libvirt /var/log/libvirt /srv; do
  mkdir -p "$folder$point"
  mount --bind "$folder$point" "$point"
done
mkdir -p /run/libvirt /srv/shared
mount --bind "$room/shared" /srv/shared
mount --bind "$room/cache" /var/cache/libvirt
# /etc is the real machine's, except for what is written here; in memory, as an overlay can't lie on an overlay.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc
umount -l /mnt
cp -r "$folder/etc/." /etc
mount --bind "$room/hosts" /etc/hosts
hostname "$name"
ip link set lo up
: >"$folder/ready"
exec perl "$init"
