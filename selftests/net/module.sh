#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# shellcheck disable=SC2317
#
# The module cannot be unloaded while it is used, and can be after that.

. "$(dirname "$0")/tap.sh"

in_use()
{
	mkfifo /tmp/hold.$$
	kschannelctl run --server -- nc -l -p 7100 </tmp/hold.$$ &
	pid=$!
	exec 5>/tmp/hold.$$
	await 10 listening 7100
	fails rmmod kschannel
	kschannelctl run --client --server-name server.test -- nc 127.0.0.1 7100 </tmp/hold.$$ &
	client=$!
	await 10 established
	fails rmmod kschannel
	kill "$pid" "$client"
	exec 5>&-
	rm /tmp/hold.$$
	await 20 unused
}

established()
{
	kschannelctl list | grep -q 'client.*established'
}

unused()
{
	kschannelctl stats --json | grep -q '"sockets": *0'
}

reload()
{
	ksc-daemon stop
	await 20 rmmod kschannel
	[ ! -e /sys/module/kschannel ]
	# without the module nothing is left of it
	fails kschannelctl stats
	insmod /rig/kschannel.ko
	ksc-daemon start
	kschannelctl stats
}

again()
{
	for _ in 1 2 3; do
		ksc-daemon stop
		await 20 rmmod kschannel
		insmod /rig/kschannel.ko
		ksc-daemon start
	done
}

plan 3
run "not while it is in use" in_use
run "unload and load" reload
run "again and again" again
finish
