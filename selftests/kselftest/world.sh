#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine as the tests expect it, in namespaces of their own: world.sh enter TEST...
# It calls itself for the steps: "mounts" in namespaces for all but the processes, and "run"
# in one for these, too. What it puts on top of the machine's files is in a tmpfs on /mnt.

here=$(cd "$(dirname "$0")/.." && pwd)
step=$1
shift

# Names, accounts and certificates that the tests have in mind
files()
{
	# root of a guest may not read all that is its host's
	cp -a /etc/. /mnt/etc/ 2>/dev/null
	cd /mnt/etc || return
	# nothing is written to by way of a link, which may lead out
	rm -rf hosts nsswitch.conf resolv.conf kschannel passwd group
	cat /etc/passwd >passwd && cat /etc/group >group || return
	for place in ssl ssl/certs; do
		[ ! -L $place ] || { rm $place && mkdir $place && cp -a /etc/$place/. $place/; }
	done
	rm -rf ssl/cert.pem ssl/certs/ca-certificates.crt
	cp /mnt/selftests/vm/guest/hosts hosts
	: >resolv.conf
	printf '%s\n' 'passwd: files' 'group: files' 'shadow: files' 'hosts: files dns' \
		>nsswitch.conf
	if ! grep -q '^kschannel:' passwd; then
		echo 'kschannel:x:990:990:kschanneld:/nonexistent:/bin/false' >>passwd
		echo 'kschannel:x:990:' >>group
	fi
	# the number is in the tests
	sed -i -e '/^user:/d' -e '/^[^:]*:[^:]*:1000:/d' passwd group
	echo 'user:x:1000:1000:a user:/tmp:/bin/sh' >>passwd
	echo 'user:x:1000:' >>group
	mkdir -p kschannel ssl/certs
	PYTHONPATH=/mnt/selftests/vm python3 -B -c \
		'import pathlib; from rig import pki; pki.make(pathlib.Path("kschannel").resolve())' &&
	chmod 600 kschannel/*.key &&
	cp kschannel/ca.pem ssl/cert.pem &&
	cp kschannel/ca.pem ssl/certs/ca-certificates.crt
}

# Small programs that serve and fetch; a static one would take no library
programs()
{
	busybox=$(command -v busybox) && ldd "$busybox" >/dev/null 2>&1 || return 0
	cp "$busybox" /mnt/bin/busybox || return
	for applet in httpd nc nslookup usleep wget; do
		ln -s busybox /mnt/bin/$applet || return
	done
}

# What is below the directories that are covered is copied first, and nothing read afterwards
mounts()
{
	mount --make-rprivate / &&
	cd "$here" &&
	mount -t tmpfs -o mode=755 tmpfs /mnt &&
	mkdir /mnt/etc /mnt/run /mnt/tmp &&
	chmod 1777 /mnt/tmp &&
	cp -R bin net kselftest selftests /mnt/ &&
	chmod -R a+rX /mnt || return
	[ -z "$KSC_MODULE" ] || cp "$KSC_MODULE" /mnt/kschannel.ko || return
	files && programs && cd / || return
	for place in etc run tmp; do
		mount --bind /mnt/$place /$place || return
	done
	# it shows the network devices of the mounter's namespace
	mount -t sysfs sysfs /sys || return
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	[ -z "$KSC_CGROUP" ] || {
		mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
		mkdir /sys/fs/cgroup/command &&
		echo 0 >/sys/fs/cgroup/command/cgroup.procs
	}
}

case $step in
enter)
	[ -z "$KSC_CGROUP" ] || echo 0 >"$KSC_CGROUP/cgroup.procs" || exit
	exec unshare --mount --net --cgroup "$here/kselftest/world.sh" mounts "$@"
	;;
mounts)
	mounts && ip link set lo up || {
		echo "# the tests' own files and network could not be set up"
		exit 1
	}
	exec unshare --pid --fork --kill-child --mount-proc /mnt/kselftest/world.sh run "$@"
	;;
run)
	cd / && umask 022
	ulimit -n 65536 2>/dev/null || echo "# no more than $(ulimit -n) files can be open"
	ulimit -c 0
	# of the user's environment, what is meant for the tests
	set -- PATH=/mnt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/tmp LANG=C.UTF-8 KTAP=yes KSC_MODULE=/mnt/kschannel.ko /mnt/net/suite "$@"
	for name in PART TEST_FILTER TEST_TIMEOUT BULK_BYTES HALF_OPEN OVERLOAD RACE_CALLS \
		    RACE_PART RACE_ROUNDS REKEY_BYTES RELOADS; do
		eval "value=\$$name"
		[ -z "$value" ] || set -- "$name=$value" "$@"
	done
	# not as PID 1, whose children it would have to reap
	env -i "$@" </dev/null || [ -z "$(sed -n 1p /run/daemon.log)" ] ||
		tail -n 5 /run/daemon.log | sed 's/^/# kschanneld: /'
	;;
esac
