#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the tests on the machine as it is, as root, and prints KTAP. "make -C selftests
# install" puts this beside all that it needs; nothing of it comes from elsewhere but
# programs and libraries of the machine's distribution.
#
# What the tests set up is in namespaces of their own, and gone afterwards: addresses,
# files in /etc, /run and /tmp, cgroups, the daemon. The module is the one beside this, and it
# is the one that is loaded already, if any is.
#
# The status: 0 all passed, 1 something failed, 4 nothing could be run.

here=$(cd "$(dirname "$0")" && pwd)
collection=net
tests=
KSFT_SKIP=4

usage()
{
	cat <<END
usage: $0 [-l] [-c COLLECTION]... [-t [COLLECTION:]TEST]... [-h]
  -l	name the tests
  -c	run the tests of a collection; there is "net" only
  -t	run a test
In the environment: PART=1/2, one half of them; TEST_FILTER='test_x*', of a program in C only
these; TEST_TIMEOUT, seconds for a program; KSC_MODULE, another kschannel.ko.
END
}

list=
while getopts lc:t:h option; do
	case $option in
	l) list=yes ;;
	c) [ "$OPTARG" = $collection ] || { echo "$0: no collection $OPTARG" >&2; exit 1; } ;;
	t)
		test=${OPTARG#"$collection":}
		grep -qx "$collection:$test" "$here/kselftest-list.txt" ||
			{ echo "$0: no test $test" >&2; exit 1; }
		tests="$tests $test"
		;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 1 ;;
	esac
done
if [ -n "$list" ]; then
	cat "$here/kselftest-list.txt"
	exit
fi

skip_all()
{
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
}

# ---- what has to be there ----

lacking()
{
	for program in awk ip modprobe openssl python3 setsid ss tc timeout unshare; do
		command -v $program >/dev/null || printf ' %s' $program
	done
	# the tests are all linked with the same
	for file in bin/kschanneld bin/kschannelctl net/t_handshake net/h_uring; do
		ldd "$here/$file" 2>/dev/null | sed -n 's/^\t\(.*\) => not found$/\1/p'
	done | sort -u | while read -r library; do printf ' %s' "$library"; done
}

# The options of the list that the kernel says it does not have
unset_options()
{
	for file in /proc/config.gz "/boot/config-$(uname -r)" "/lib/modules/$(uname -r)/config"; do
		[ -r "$file" ] || continue
		case $file in
		*.gz) zcat "$file" ;;
		*) cat "$file" ;;
		esac >"$scratch/config"
		sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=.*/\1/p' "$here/config" | while read -r name; do
			grep -q "^$name=[ym]$" "$scratch/config" || printf ' %s' "$name"
		done
		return
	done
}

# The file of the module; it has to be somewhere where nothing is put on top
find_module()
{
	for module in "$KSC_MODULE" "$here/modules/$(uname -r)/kschannel.ko" \
		      "$(modinfo -n kschannel 2>/dev/null)"; do
		[ ! -f "$module" ] || return 0
	done
	module=
}

# Whether what is loaded was linked when the file was, as far as the kernel tells
same_module()
{
	id=/sys/module/kschannel/notes/.note.gnu.build-id
	case $module in
	*.ko) [ -r $id ] || return 0 ;;
	*) return 0 ;;
	esac
	python3 -c 'import sys
id, module = (open(name, "rb").read() for name in sys.argv[1:])
sys.exit(id not in module)' $id "$module"
}

# It is loaded, or nothing else needs to be run: only_result WHAT WHY-FILE
only_result()
{
	echo "1..1"
	sed 's/^/# /' "$2"
	echo "not ok 1 selftests: $1"
	exit 1
}

load_module()
{
	find_module
	if [ -d /sys/module/kschannel ]; then
		if ! same_module; then
			echo "it is not $module: rmmod kschannel, or name its own file by KSC_MODULE" \
				>"$scratch/insmod"
			only_result "the module that is loaded is the one to be tested" "$scratch/insmod"
		fi
		echo "# kschannel was loaded already: that is what is tested"
		return
	fi
	[ -n "$module" ] || skip_all "there is no kschannel.ko for $(uname -r)"
	modprobe -qa aesni-intel ghash-clmulni-intel tls tcp_diag 2>/dev/null
	if LC_ALL=C insmod "$module" 2>"$scratch/insmod"; then
		loaded=$module
	elif grep -Eq 'Required key not available|Key was rejected|Operation not permitted' \
		"$scratch/insmod"; then
		skip_all "$(cat "$scratch/insmod")"
	else
		only_result "the module can be loaded" "$scratch/insmod"
	fi
}

# Of a group of their own, so that the tests' names for groups are as on a machine of theirs
make_cgroup()
{
	cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	# it may be there and read-only
	if [ -z "$cgroups" ] || ! mkdir "$cgroups/kschannel-selftests.$$" 2>/dev/null; then
		cgroups=$scratch/cgroups
		mkdir "$cgroups"
		if ! mount -t cgroup2 cgroup2 "$cgroups" 2>/dev/null ||
		   ! mkdir "$cgroups/kschannel-selftests.$$" 2>/dev/null; then
			umount "$cgroups" 2>/dev/null
			cgroups=
			echo "# cgroups are not available"
			return
		fi
	fi
	if ! grep -qw memory "$cgroups/cgroup.subtree_control" &&
	   echo +memory 2>/dev/null >"$cgroups/cgroup.subtree_control"; then
		memory_added=yes
	fi
}

remove_cgroup()
{
	[ -n "$cgroups" ] || return 0
	find "$cgroups/kschannel-selftests.$$" -depth -type d -exec rmdir {} \; 2>/dev/null
	[ -z "$memory_added" ] || echo -memory 2>/dev/null >"$cgroups/cgroup.subtree_control"
	[ "$cgroups" != "$scratch/cgroups" ] || umount "$cgroups"
}

# ---- the run ----

finish()
{
	remove_cgroup
	[ -z "$loaded" ] || unload
	rm -rf "$scratch"
}

# Sockets of killed processes are closed by timers
unload()
{
	loaded=
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -d /sys/module/kschannel ] || return 0
		rmmod kschannel 2>"$scratch/rmmod" && return
		sleep 3
	done
	sed 's/^/# /' "$scratch/rmmod"
	return 1
}

# A result of ours, after those of the tests
result()
{
	count=$((count + 1))
	if "$2"; then
		echo "ok $count selftests: $1"
	else
		echo "not ok $count selftests: $1"
	fi
}

# The kernel's log says all that the bits do and more, and again; but it may not be for us.
content()
{
	after=$(cat /proc/sys/kernel/tainted)
	status=0
	if [ -n "$mark" ]; then
		"$here/kselftest/kmsg.py" since "$mark" >"$scratch/complaints" || status=1
		sed '/./s/^/# /' "$scratch/complaints"
	fi
	# a bad page, an oops, a warning, a lockup
	[ $((after & ~tainted & (1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))) = 0 ] || {
		echo "# it is tainted: $after, and was $tainted"
		status=1
	}
	return $status
}

body()
{
	echo "KTAP version 1"
	[ "$(id -u)" = 0 ] || skip_all "it has to be run as root"
	missing=$(lacking)
	[ -z "$missing" ] || skip_all "not on this machine:$missing"
	unshare --mount --net --pid --cgroup --fork true 2>/dev/null ||
		skip_all "namespaces are not available"
	scratch=$(mktemp -d) || skip_all "there is no room in /tmp"
	cgroups='' loaded='' memory_added=''
	trap finish EXIT
	trap 'exit 1' INT TERM HUP
	tainted=$(cat /proc/sys/kernel/tainted)
	mark="kschannel: selftests begin, $$"
	"$here/kselftest/kmsg.py" mark "$mark" >"$scratch/mark" || {
		echo "# the kernel's log is not for us, its taint alone counts: $(cat "$scratch/mark")"
		mark=
	}
	load_module
	make_cgroup

	# shellcheck disable=SC2086
	count=$("$here/net/suite" --list $tests | wc -l)
	echo "1..$((count + 2))"
	echo "# Linux $(uname -r)"
	unset=$(unset_options)
	[ -z "$unset" ] || echo "# the kernel lacks what tests want:$unset"
	# shellcheck disable=SC2086
	KSC_CGROUP=${cgroups:+$cgroups/kschannel-selftests.$$} KSC_MODULE=$loaded \
		"$here/kselftest/world.sh" enter $tests
	result "the kernel complains of nothing" content
	if [ -n "$loaded" ]; then
		result "the module can be unloaded" unload
	else
		echo "ok $((count + 1)) selftests: the module can be unloaded # SKIP it was loaded before"
	fi
}

body | awk -f "$here/kselftest/totals.awk"
