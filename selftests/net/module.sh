#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2317
#
# The module cannot be unloaded while it is used, and can be after that.

. "$(dirname "$0")/tap.sh"
needs_busybox nc

module=${KSC_MODULE:-/rig/kschannel.ko}
[ -e "$module" ] || leave_out "the suite did not load it"

# What is the whole machine's is as it was, and nothing stays behind
cleanup()
{
	# shellcheck disable=SC2086
	kill -KILL $pid $client 2>/dev/null || :
	[ ! -e /sys/class/net/hole0 ] || ip link del hole0
	[ -z "$retries" ] || echo "$retries" >/proc/sys/net/ipv4/tcp_synack_retries
	if [ -n "$sender" ]; then
		echo "$sender" >/proc/sys/kernel/modprobe
		# for the log of a failure
		cat /tmp/sent /proc/crypto
	fi
	[ -z "$removed" ] || modprobe aesni_intel || :
	[ -z "$missed" ] || modprobe ccm || :
	[ -z "$held" ] || tc qdisc del dev lo root
}

pid='' client='' retries='' sender='' removed='' missed='' held=''

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
	pid='' client=''
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
	# without the module it is gone
	fails kschannelctl stats
	insmod "$module"
	ksc-daemon start
	kschannelctl stats
}

again()
{
	for _ in 1 2 3; do
		ksc-daemon stop
		await 20 rmmod kschannel
		insmod "$module"
		ksc-daemon start
	done
}

no_requests()
{
	! ss -t -n -H state syn-recv | grep -q 10.98.0.2
}

# Half-open connections have no reference on the module, and a timer that looks at them.
half_open()
{
	ip link add hole0 type dummy
	ip addr add 10.98.0.1/24 dev hole0
	ip link set hole0 up
	ip neigh replace 10.98.0.2 lladdr 02:00:00:00:00:01 dev hole0
	retries=$(cat /proc/sys/net/ipv4/tcp_synack_retries)
	# seven seconds, in which the module goes
	echo 2 >/proc/sys/net/ipv4/tcp_synack_retries
	kschannelctl run --server -- nc -l -p 7101 </dev/null &
	pid=$!
	await 10 listening 7101
	h_syn 10.98.0.2 10.98.0.1 7101
	fails no_requests
	kill "$pid"
	pid=
	await 20 unused
	ksc-daemon stop
	await 20 rmmod kschannel
	await 60 no_requests
	insmod "$module"
	ksc-daemon start
}

# What was never accepted has a packet on its way, whose memory is the socket's, when the
# listener closes; and TCP looks at the socket's operations when that is freed.
not_accepted()
{
	mkdir -p /tmp/stopped
	kschannelctl run --server -- httpd -f -p 7103 -h /tmp/stopped &
	pid=$!
	await 10 listening 7103
	kill -STOP "$pid"
	mkfifo /tmp/peer.$$
	nc 127.0.0.1 7103 </tmp/peer.$$ &
	client=$!
	exec 5>/tmp/peer.$$
	await 10 waits_to_be_accepted
	tc qdisc add dev lo root netem delay 60s
	held=yes
	kill -KILL "$pid"
	pid=''
	await 20 unused
	ksc-daemon stop
	await 20 rmmod kschannel
	on_its_way
	tc qdisc del dev lo root
	held=''
	kill "$client"
	client=''
	exec 5>&-
	rm /tmp/peer.$$
	insmod "$module"
	ksc-daemon start
}

waits_to_be_accepted()
{
	ss -t -n -H state established 'sport = :7103' | grep -q .
}

on_its_way()
{
	tc -s qdisc show dev lo | grep -q 'backlog [1-9]'
}

# said LINE COUNT: what h_load has said, and how often
said()
{
	[ "$(grep -c "^$1\$" /tmp/said)" = "$2" ]
}

# A policy that its daemon has begun to load, and whose rules are all there, goes with the
# module: the daemon's socket holds no reference, and what is loaded has no owner then. That
# none of it is left is for the debug kernel to say. Nor does the same socket go on with it
# when the module is back.
loading()
{
	ksc-daemon stop
	mkfifo /tmp/load.$$
	h_load </tmp/load.$$ >/tmp/said &
	client=$!
	exec 5>/tmp/load.$$
	await 20 said 'begun: Success' 1
	await 20 rmmod kschannel
	echo >&5
	await 20 said 'commit: No such file or directory' 1
	insmod "$module"
	echo >&5
	await 20 said 'commit: Operation not permitted' 1
	# which would keep the pipe open
	ksc-daemon start 5>&-
	echo >&5
	await 20 said 'commit: Operation not permitted' 2
	exec 5>&-
	wait "$client"
	client=''
	rm /tmp/load.$$ /tmp/said
}

# How often modprobe was called for AES-GCM's inner algorithm
sent_for()
{
	# which is none, and no failure
	grep -c '__gcm(aes)' /tmp/sent || :
}

asynchronous()
{
	sed -n '/^name *: gcm(aes)$/,/^$/p' /proc/crypto | grep -q '^async *: yes'
}

fetch()
{
	kschannelctl run --client --server-name server.test -- \
		wget -q -O /tmp/got http://127.0.0.1:7102/page.html
	grep "a page" /tmp/got
}

# Replaces modprobe by a script that loads nothing and logs its arguments.
watch_sender()
{
	printf '#!/bin/sh\necho "$*" >>/tmp/sent\n' >/tmp/modprobe
	chmod +x /tmp/modprobe
	: >/tmp/sent
	sender=$(cat /proc/sys/kernel/modprobe)
	echo /tmp/modprobe >/proc/sys/kernel/modprobe
}

# A client that wants CCM, and does not get it
refused_ccm()
{
	# the server has no keys when the client is done: it hangs up
	fails timeout 60 openssl s_client -connect 127.0.0.1:7103 -tls1_3 -ign_eof \
		-ciphersuites TLS_AES_128_CCM_SHA256 </dev/null >/tmp/got 2>&1
}

sent_for_ccm()
{
	grep -c ccm /tmp/sent || :
}

# A suite that the kernel has no AEAD for: modprobe is not run for each client that wants it.
missing()
{
	[ -e /rig/kschannel.ko ] || skip "the machine is somebody's"
	modprobe ccm 2>/dev/null || :
	grep -q '^ccm ' /proc/modules || skip "the kernel has CCM built in, or not at all"
	ksc-daemon stop
	await 20 rmmod kschannel
	missed=yes
	await 20 rmmod ccm
	insmod "$module"
	ksc-daemon start
	watch_sender
	kschannelctl run --server -- httpd -f -p 7103 -h /tmp &
	pid=$!
	await 10 listening 7103
	refused_ccm
	[ "$(sent_for_ccm)" -gt 0 ]
	# after a minute it is looked for again, which may be now
	for _ in 1 2 3; do
		before=$(sent_for_ccm)
		for _ in 1 2 3 4 5; do
			refused_ccm
		done
		after=$(sent_for_ccm)
		echo "sent $before times, then $after times"
		[ "$after" != "$before" ] || break
	done
	[ "$after" = "$before" ]
	echo "$sender" >/proc/sys/kernel/modprobe
	sender=''
	modprobe ccm
}

# AES-GCM that answers later and has nothing within that does not, as on machines with an
# engine for it: that is found out once, not by modprobe for each key. modprobe's path
# is the whole machine's, and it runs outside of our namespaces.
later()
{
	[ -e /rig/kschannel.ko ] || skip "the machine is somebody's"
	grep -q '^aesni_intel ' /proc/modules || skip "the kernel has AES-NI built in"
	ksc-daemon stop
	await 20 rmmod kschannel
	removed=yes
	# a late RCU callback or work may still hold references
	await 20 rmmod aesni_intel
	modprobe -a gcm ctr
	insmod "$module"
	ksc-daemon start
	watch_sender
	mkdir -p /tmp/later
	echo "a page" >/tmp/later/page.html
	kschannelctl run --server -- httpd -f -p 7102 -h /tmp/later &
	pid=$!
	await 10 listening 7102
	fetch
	# GHASH's driver has a thread, and so it is later; elsewhere nothing is
	if asynchronous; then
		[ "$(sent_for)" -gt 0 ]
	else
		[ "$(sent_for)" = 0 ]
	fi
	# Once for each AES-GCM, of which another may take the first one's place: with one that
	# asked for each key, it would never end.
	for _ in 1 2 3; do
		before=$(sent_for)
		for _ in 1 2 3 4 5; do
			fetch
		done
		after=$(sent_for)
		echo "sent $before times, then $after times"
		[ "$after" != "$before" ] || break
	done
	[ "$after" = "$before" ]
	asynchronous || skip "no AES-GCM of this kernel's answers later"
}

plan 8
run "not while it is in use" in_use
run "unload and load" reload
run "again and again" again
run "half-open connections outlive it" half_open
run "not accepted" not_accepted
run "a policy that is being loaded" loading
run "an AEAD that the kernel lacks" missing
run "an AEAD that answers later" later
finish
