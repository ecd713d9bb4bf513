# What has to happen inside new namespaces, for base.py and host.py. Nothing here changes the machine outside: every mount is private.
#
#   namespace.sh hold ROOT CACHE PACKAGE…   PID 1 of the base: prepares the layer, says "ready", lives as long as its stdin
#   namespace.sh boot ROOT NAME HIERARCHIES BIND…   PID 1 of a host: mounts its root over the layer and becomes systemd
#
# The hosts are started inside the base's pid namespace. When the program that holds the other end of stdin ends, however
# it ends, the base ends, and the kernel ends all hosts and takes all their mounts away.
#
# base.py hands this text over with `bash -c`, and it is never run from its file: bash reads a file while it executes it,
# so that an edit during a run would have it go on somewhere else, as root and in the wrong namespace.
set -euo pipefail
[ $$ = 1 ] || { echo "namespace.sh is for the first process of a new pid namespace only" >&2; exit 1; }
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Units that would reach for the machine outside (its kernel settings, modules, clock, devices) or that no test wants.
MASKED="systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service
  systemd-udev-settle.service systemd-timesyncd.service systemd-sysctl.service systemd-modules-load.service
  systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-hwdb-update.service kmod-static-nodes.service
  systemd-tmpfiles-setup-dev.service systemd-remount-fs.service systemd-networkd.service systemd-resolved.service
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
  sys-fs-fuse-connections.mount getty.target systemd-random-seed.service systemd-pstore.service"

overlay() { # ROOT-OF-HOST LOWER UPPER
  mkdir -p "$1" "$3" "$3.work"
  mount -t overlay -o "lowerdir=$2,upperdir=$3,workdir=$3.work" overlay "$1"
}

devices() { # a /dev of its own: systemd puts /dev/log and more there
  local dev=$1 line
  mount -t tmpfs -o mode=755 tmpfs "$dev"
  for line in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "kmsg 1 11" "tty 5 0" "fuse 10 229" "loop-control 10 237"; do
    # shellcheck disable=SC2086
    set -- $line
    mknod -m 666 "$dev/$1" c "$2" "$3"
  done
  for line in $(seq 0 63); do mknod -m 660 "$dev/loop$line" b 7 "$line"; done
  ln -s /proc/self/fd "$dev/fd"
  ln -s fd/0 "$dev/stdin"; ln -s fd/1 "$dev/stdout"; ln -s fd/2 "$dev/stderr"
  mkdir "$dev/shm" "$dev/pts"
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$dev/pts"
  ln -s pts/ptmx "$dev/ptmx"
}

prepare() { # ROOT PACKAGE…: installs into the layer alone
  local root=$1 host=$1/build resolver; shift
  overlay "$host" / "$root/layer"
  mount -t proc proc "$host/proc"
  mount -t sysfs -o ro sysfs "$host/sys"
  devices "$host/dev"
  for dir in run tmp var/lib/apt/lists var/cache/apt; do mkdir -p "$host/$dir"; mount -t tmpfs -o mode=1777 tmpfs "$host/$dir"; done
  resolver=$(readlink -f /etc/resolv.conf)
  case $resolver in /run/*) install -D "$resolver" "$host$resolver" ;; esac
  printf '#!/bin/sh\nexit 101\n' >"$host/usr/sbin/policy-rc.d" # packages are installed, not started
  chmod 755 "$host/usr/sbin/policy-rc.d"
  mkdir -p "$host/var/cache/apt/archives/partial"
  chroot "$host" env -u LD_PRELOAD DEBIAN_FRONTEND=noninteractive sh -ec '
    apt-get update -qq -o APT::Sandbox::User=root
    apt-get install -y -qq --no-install-recommends --no-upgrade -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"' install "$@" >&2
  rm "$host/usr/sbin/policy-rc.d"
  settle "$host"
  umount -R "$host"
}

settle() { # HOST: only what a minimal host runs, whatever the machine outside has enabled
  local etc=$1/etc unit
  rm -rf "$etc"/systemd/system/*.wants "$etc"/systemd/system/*.requires "$etc"/rc?.d/[SK]*
  rm -rf "${1:?}"/var/log/journal "$1"/var/lib/systemd/* "$1"/var/spool/cron/crontabs/* "$etc"/cron.*/*
  mkdir -p "$1/var/log/journal" "$etc/systemd/system"
  : >"$etc/fstab"
  for unit in $MASKED; do ln -sf /dev/null "$etc/systemd/system/$unit"; done
  chroot "$1" systemctl enable --quiet cron.service >&2
  chroot "$1" useradd --create-home --user-group --shell /bin/bash ops
}

protect() { # ROOT: from here on not even a mistake writes to the machine: in this namespace its file systems are read-only
  local point
  while read -r _ point _; do
    point=$(printf %b "$point") # a space is \040 there
    case $point in "$1" | /proc* | /sys* | /dev*) ;; *) mount -o remount,ro,bind "$point" || echo "stays writable: $point" >&2 ;; esac
  done </proc/self/mounts
  if touch /etc/.lab-can-write 2>/dev/null; then
    rm /etc/.lab-can-write
    echo "the machine's root could not be made read-only for the lab" >&2
    exit 1
  fi
}

hold() { # ROOT CACHE PACKAGE…
  local root=$1 cache=$2; shift 2
  mount --make-rprivate /
  mount -t tmpfs -o mode=755,size=4g tmpfs "$root"
  mkdir -p "$root/layer"
  exec 9>"$cache.lock"
  flock 9 # two runs at the same time: one prepares, the other waits for what it makes
  if [ -e "$cache" ]; then
    tar -C "$root/layer" --xattrs --xattrs-include='*' -xf "$cache"
  else
    prepare "$root" "$@"
    tar -C "$root/layer" --xattrs --xattrs-include='*' -cf "$cache.new" .
    mv "$cache.new" "$cache"
  fi
  exec 9>&-
  protect "$root"
  echo ready
  read -r _ || true
}

cgroups() { # HOST HIERARCHIES: "v2", or the controllers of each v1 hierarchy of the machine; PID 1 moves to the root of each
  local top=$1/sys/fs/cgroup controllers; shift
  if [ "$*" = v2 ]; then
    mount -t cgroup2 cgroup2 "$top"
    echo $$ >"$top/cgroup.procs"
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs "$top"
  mkdir "$top/unified"
  mount -t cgroup2 cgroup2 "$top/unified"
  for controllers in "$@"; do
    mkdir "$top/${controllers#name=}"
    case $controllers in
    name=*) mount -t cgroup -o "none,$controllers" cgroup "$top/${controllers#name=}" ;;
    *) mount -t cgroup -o "$controllers" cgroup "$top/$controllers" ;;
    esac
    echo $$ >"$top/${controllers#name=}/cgroup.procs"
  done
  echo $$ >"$top/unified/cgroup.procs"
  mount -o remount,ro,bind "$top" # systemd would mount what other hierarchies the kernel knows, and they are the machine's
}

boot() { # ROOT NAME HIERARCHIES BIND…
  local root=$1 name=$2 hierarchies=$3 host=$1/$2/root path; shift 3
  mount --make-rprivate /
  mkdir -p "$root/$name"
  mount -t tmpfs -o mode=755,size=2g tmpfs "$root/$name"
  overlay "$host" "$root/layer:/" "$root/$name/upper"
  mount -t proc proc "$host/proc"
  mount -t sysfs sysfs "$host/sys"
  # shellcheck disable=SC2086
  cgroups "$host" $hierarchies
  mount -o remount,ro,bind "$host/sys"
  mount --bind "$host/proc/sys" "$host/proc/sys" # the kernel's settings are the machine's, except the network's
  mount --bind "$host/proc/sys/net" "$host/proc/sys/net"
  mount -o remount,ro,bind "$host/proc/sys"
  devices "$host/dev"
  mount -t tmpfs -o mode=755 tmpfs "$host/run"
  mount -t tmpfs -o mode=1777 tmpfs "$host/tmp"
  for path in "$@"; do # the checkout and its Python, wherever they are mounted outside
    mkdir -p "$host$path"
    mount --bind "$path" "$host$path"
    mount -o remount,ro,bind "$host$path"
  done
  ip link set lo up
  hostname lab
  echo lab >"$host/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 lab\n' >"$host/etc/hosts"
  tr -d - </proc/sys/kernel/random/uuid >"$host/etc/machine-id"
  mkdir -p "$host/outside"
  cd "$host"
  pivot_root . outside
  umount -l /outside && rmdir /outside
  [ "$(stat --file-system --format %T /)" = overlayfs ] || { echo "this is not the root of a host" >&2; exit 1; }
  exec env -i container=lab PATH="$PATH" /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=0
}

"$@"; exit
