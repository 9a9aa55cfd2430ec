# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# For test scripts: "plan N", then for each test "run NAME FUNCTION", which
# passes if the function succeeds. What it prints shows if it does not.

tap_number=0
tap_failed=0

plan()
{
	echo "1..$1"
}

# Leaves the whole script out where a program is missing: needs PROGRAM...
needs()
{
	for tap_program; do
		command -v "$tap_program" >/dev/null ||
			leave_out "there is no $tap_program"
	done
}

# The same for programs that others have under these names, too, with other options
needs_busybox()
{
	for tap_program; do
		case $(readlink -f "$(command -v "$tap_program")") in
		*/busybox) ;;
		*) leave_out "there is no $tap_program of a busybox with shared libraries" ;;
		esac
	done
}

leave_out()
{
	echo "1..0 # SKIP $*"
	exit 0
}

# What a test wants done at its end, passed or failed.
cleanup()
{
	:
}

# Ends a test that can't be run here; called from it.
skip()
{
	echo "$*" >/tmp/skip.$$
	exit 77
}

run()
{
	tap_number=$((tap_number + 1))
	# not as a condition: the shell would not stop at the first failure there
	(
		trap cleanup EXIT
		set -e
		"$2"
	) >/tmp/out.$$ 2>&1
	tap_status=$?
	if [ $tap_status = 0 ]; then
		echo "ok $tap_number - $1"
	elif [ $tap_status = 77 ] && [ -s /tmp/skip.$$ ]; then
		echo "ok $tap_number - $1 # SKIP $(cat /tmp/skip.$$)"
		rm /tmp/skip.$$
	else
		tap_failed=$((tap_failed + 1))
		sed 's/^/# /' /tmp/out.$$
		echo "not ok $tap_number - $1"
	fi
}

# Succeeds if the command fails; "!" would not stop the test.
fails()
{
	if "$@"; then
		echo "should have failed: $*"
		return 1
	fi
}

# Whether the kernel has the hook by which a BPF program gives us sockets, and lets it be used
can_bpf()
{
	h_bpf update_socket_protocol
}

finish()
{
	rm -f /tmp/out.$$
	exit $((tap_failed != 0))
}

# Polls until a condition holds: await SECONDS COMMAND...
await()
{
	tap_tries=$(($1 * 50))
	shift
	until "$@"; do
		tap_tries=$((tap_tries - 1))
		[ $tap_tries -gt 0 ] || { echo "timed out: $*"; return 1; }
		usleep 20000
	done
}

listening()
{
	ss -Hltn "sport = :$1" | grep -q .
}
