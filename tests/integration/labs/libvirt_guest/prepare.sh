#!/usr/bin/env bash
# prepare.sh DIR: leaves DIR/vmlinuz and DIR/initrd.gz, a guest of Debian's cloud kernel and busybox. Some 17 MB.
set -euo pipefail
out=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
apt-get -qq download "$kernel" busybox-static
dpkg --fsys-tarfile linux-image*.deb | tar -x --wildcards './boot/vmlinuz-*' '*/virtio/virtio*.ko' '*/failover.ko' \
    '*/net_failover.ko' '*/virtio_blk.ko' '*/virtio_net.ko' '*/virtio_console.ko' '*/cdrom.ko' '*/isofs.ko' \
    '*/evdev.ko' '*/button.ko'
dpkg --fsys-tarfile busybox-static*.deb | tar -x ./bin/busybox
mkdir -p root/{bin,m,proc,sys,dev,etc,mnt}
cp bin/busybox root/bin/
ln -s busybox root/bin/sh
install -m 755 "$here/init" "$here/lease" root/
install -m 755 "$here/agent" root/bin/agent
find lib -name '*.ko' -exec cp {} root/m/ \;
gcc -O2 -static -o root/bin/duty "$here/duty.c"
gcc -O2 -static -o root/bin/eat "$here/eat.c"
mkdir -p "$out"
(cd root && find . | ../bin/busybox cpio -o -H newc 2>/dev/null) | gzip -1 > "$out/initrd.part"
install -m 644 boot/vmlinuz-* "$out/vmlinuz"
chmod 644 "$out/initrd.part"
# Last, for it says that all is there.
mv "$out/initrd.part" "$out/initrd.gz"
