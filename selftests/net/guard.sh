#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2317
#
# Cgroups in which sockets that were not given to the module neither connect nor listen.

. "$(dirname "$0")/tap.sh"
needs curl openssl
needs_busybox httpd nc nslookup wget

cgroups=/sys/fs/cgroup
ca=/etc/kschannel/ca.pem
dir=/tmp/guard-www
mptcp=262
background=

[ -e $cgroups/cgroup.procs ] || mount -t cgroup2 cgroup2 $cgroups
grep -q ' /sys/fs/bpf ' /proc/mounts || mount -t bpf bpf /sys/fs/bpf
mkdir -p $cgroups/guarded/below $dir
echo "a page" >$dir/page.html

cleanup()
{
	# shellcheck disable=SC2086
	[ -z "$background" ] || kill $background 2>/dev/null || true
	wait
	rm -f /tmp/stdin
}

# A command in the cgroup, or one below it; no function, for the sake of $!
inside=/tmp/inside
cat >$inside <<'END'
#!/bin/sh
echo 0 >"/sys/fs/cgroup/$1/cgroup.procs" || exit
shift
exec "$@"
END
chmod +x $inside

refused()
{
	fails "$@" >/tmp/said 2>&1
	cat /tmp/said
	grep -i "operation not permitted" /tmp/said
}

# A server outside the guarded cgroup
serve()
{
	httpd -f -p "$1" -h $dir &
	background="$background $!"
	await 10 listening "$1"
}

# The BPF programs look into structures of the kernel's
described()
{
	[ -e /sys/kernel/btf/vmlinux ] || skip "the kernel does not describe its types"
}

# The kernel gives programs our sockets where they ask for TCP's
way_by_bpf()
{
	described
	grep -q ' update_socket_protocol$' /proc/kallsyms || skip "there is no way by BPF"
}

connects()
{
	described
	serve 7300
	kschannelctl guard /guarded
	# it is guarded already
	kschannelctl guard /guarded
	for where in guarded guarded/below; do
		refused $inside $where nc 127.0.0.1 7300 </dev/null
		refused $inside $where nc ::1 7300 </dev/null
	done
	# neither those around it, nor what is no TCP
	wget -q -O - http://127.0.0.1:7300/page.html
	fails $inside guarded nslookup server.test 127.0.0.1 >/tmp/said 2>&1
	fails grep -i "operation not permitted" /tmp/said
}

listens()
{
	described
	kschannelctl guard /guarded
	refused $inside guarded/below nc -l -p 7301
	nc -l -p 7301 &
	background="$background $!"
	await 10 listening 7301
}

# What is given to the module, in a guarded cgroup
protected()
{
	described
	kschannelctl guard /guarded
	$inside guarded kschannelctl run --server --way preload -- httpd -f -p 7302 -h $dir &
	background="$background $!"
	await 10 listening 7302
	curl -sS --cacert $ca https://server.test:7302/page.html | cmp - $dir/page.html
	$inside guarded kschannelctl run --client --server-name server.test -- \
		wget -q -O - http://127.0.0.1:7302/page.html | cmp - $dir/page.html
	# curl's own TLS does not count
	fails $inside guarded curl -sS --cacert $ca https://server.test:7302/page.html
}

removed()
{
	described
	serve 7303
	kschannelctl guard /guarded
	refused $inside guarded nc 127.0.0.1 7303 </dev/null
	kschannelctl guard --remove /guarded
	kschannelctl guard --remove /guarded
	$inside guarded wget -q -O - http://127.0.0.1:7303/page.html | cmp - $dir/page.html
	$inside guarded nc -l -p 7304 &
	background="$background $!"
	await 10 listening 7304
	# without a cgroup, it is about one's own
	$inside guarded kschannelctl guard
	refused $inside guarded/below nc 127.0.0.1 7303 </dev/null
	$inside guarded kschannelctl guard --remove
}

# A program that drops the library can't connect
evasion()
{
	described
	serve 7305
	kschannelctl run --quiet --client --server --way preload -- env -u LD_PRELOAD \
		wget -q -O - http://127.0.0.1:7305/page.html | cmp - $dir/page.html
	refused kschannelctl run --quiet --guard --way preload -- \
		env -u LD_PRELOAD nc 127.0.0.1 7305 </dev/null
	kschannelctl run --quiet --guard --client -- true
	fails kschannelctl run --quiet --guard -- false
	# where the library is all that there is, that is so unless one says otherwise
	if grep -q ' update_socket_protocol$' /proc/kallsyms; then
		kschannelctl run -- true 2>/tmp/said
		fails grep guarded /tmp/said
	else
		kschannelctl run -- true 2>/tmp/said
		grep "by preload, and guarded" /tmp/said
		refused kschannelctl run --quiet -- env -u LD_PRELOAD nc 127.0.0.1 7305 </dev/null
		kschannelctl run --quiet --no-guard -- env -u LD_PRELOAD \
			wget -q -O - http://127.0.0.1:7305/page.html | cmp - $dir/page.html
		fails kschannelctl enable --no-reload --directory /tmp web.socket
		kschannelctl enable --no-reload --directory /tmp web
		grep "guard --condition" /tmp/web.service.d/kschannel.conf
		kschannelctl enable --no-guard --no-reload --directory /tmp web
		fails grep "guard --condition" /tmp/web.service.d/kschannel.conf
		kschannelctl disable --no-reload --directory /tmp web
	fi
	# their cgroups are removed
	fails ls -d $cgroups/kschannel-run.*
}

# Sockets that io_uring makes are not given to the module, and refused; outside, unaffected.
uring()
{
	way_by_bpf
	serve 7306
	for address in 127.0.0.1 ::1; do
		# that of none, and TCP's
		for protocol in 0 6; do
			h_uring $address 7306 $protocol | grep "a page"
			refused kschannelctl run --quiet --way bpf -- \
				h_uring $address 7306 $protocol
			grep "socket:" /tmp/said
		done
	done
	# the way itself is open: our sockets, and UDP's
	kschannelctl run --quiet --way bpf -- nslookup server.test 127.0.0.1 >/tmp/said 2>&1 || true
	fails grep -i "operation not permitted" /tmp/said
	h_uring 127.0.0.1 7306 | grep "a page"
}

# One client of a listener that was made outside; what it sends is echoed to it
echoed()
{
	rm -f /tmp/stdin /tmp/got
	mkfifo /tmp/stdin
	openssl s_client -quiet -CAfile $ca -verify_return_error -no_ign_eof \
		-connect "127.0.0.1:$1" </tmp/stdin >/tmp/got 2>/dev/null &
	client=$!
	background="$background $client"
	exec 5>/tmp/stdin
	echo "an echo" >&5
	# its server may have to be started still
	await 120 grep "an echo" /tmp/got
	exec 5>&-
	wait $client
}

# accept() on a listener from outside fails, unless the library protects the connection
accepts()
{
	described
	kschannelctl guard /guarded
	port=7307
	for options in "--way preload --guard" "--way bpf"; do
		case $options in
		*bpf) grep -q ' update_socket_protocol$' /proc/kallsyms || continue ;;
		esac
		# shellcheck disable=SC2086
		refused h_inherit listen $port kschannelctl run --quiet $options -- \
			env -u LD_PRELOAD h_inherit serve
		# nor by io_uring, which no library sees, nor when it came late
		# shellcheck disable=SC2086
		refused h_inherit listen $port kschannelctl run --quiet $options -- \
			h_uring accept
		grep "accept:" /tmp/said
		# shellcheck disable=SC2086
		refused h_inherit pass $port kschannelctl run --quiet $options -- \
			env -u LD_PRELOAD h_inherit take h_inherit serve
		grep "accept:" /tmp/said
		port=$((port + 1))
		h_inherit listen $port kschannelctl run --quiet --server --way preload --guard -- \
			h_inherit serve &
		background="$background $!"
		await 10 listening $port
		echoed $port
		port=$((port + 1))
	done
	# outside nothing has changed
	h_inherit listen $port h_inherit serve &
	background="$background $!"
	await 10 listening $port
	echo "in plaintext" | timeout 10 nc 127.0.0.1 $port >/tmp/got || true
	grep "in plaintext" /tmp/got
	for command in "listen $((port + 1)) h_uring accept" \
		       "pass $((port + 2)) h_inherit take h_uring accept"; do
		# shellcheck disable=SC2086
		h_inherit $command >/tmp/accepted &
		server=$!
		background="$background $server"
		port=$((port + 1))
		await 10 listening $port
		echo "in plaintext" | timeout 10 nc 127.0.0.1 $port || true
		wait $server
		grep "in plaintext" /tmp/accepted
	done
}

# A socket that was made outside neither connects nor listens inside.
handed_over()
{
	described
	serve 7320
	kschannelctl guard /guarded
	h_inherit hand h_inherit connect 7320
	h_inherit hand h_inherit listen-there 7321
	refused h_inherit hand $inside guarded h_inherit connect 7320
	refused h_inherit hand $inside guarded h_inherit listen-there 7321
}

# Nor does it where a BPF program gives others, and one that is so given does.
handed_over_by_bpf()
{
	way_by_bpf
	serve 7322
	inner="kschannelctl run --quiet --way bpf -- env -u LD_PRELOAD"
	# shellcheck disable=SC2086
	refused h_inherit hand $inner h_inherit connect 7322
	grep "connect:" /tmp/said
	# shellcheck disable=SC2086
	refused h_inherit hand $inner h_inherit listen-there 7323
	grep "listen:" /tmp/said
	# shellcheck disable=SC2086
	$inner h_inherit hand h_inherit listen-there 7323
	h_inherit hand h_inherit connect 7322
}

# With settings there is but the library, which may be lost, on all kernels.
settings()
{
	described
	serve 7324
	refused kschannelctl run --quiet --server-name server.test -- \
		env -u LD_PRELOAD nc 127.0.0.1 7324 </dev/null
	kschannelctl run --quiet --no-guard --server-name server.test -- env -u LD_PRELOAD \
		wget -q -O - http://127.0.0.1:7324/page.html | cmp - $dir/page.html
	# --client says which connections to protect, so there is no guard
	kschannelctl run --quiet --client --server-name server.test -- env -u LD_PRELOAD \
		wget -q -O - http://127.0.0.1:7324/page.html | cmp - $dir/page.html
}

# It goes on as TCP where the peer has none, and the ULP is not for it.
mptcp()
{
	described
	[ -e /proc/sys/net/mptcp/enabled ] || skip "the kernel has no MPTCP"
	serve 7330
	h_inherit $mptcp join 7330 true
	kschannelctl guard /guarded
	refused $inside guarded h_inherit $mptcp join 7330 true
	grep "connect:" /tmp/said
	refused $inside guarded h_inherit $mptcp listen 7331 true
	grep "listen:" /tmp/said
	refused h_inherit $mptcp listen 7331 $inside guarded h_inherit serve
	grep "accept:" /tmp/said
	# what the library accepts is TCP's if the client's is
	h_inherit $mptcp listen 7332 kschannelctl run --quiet --server --way preload --guard -- \
		h_inherit serve &
	background="$background $!"
	await 10 listening 7332
	echoed 7332
}

# A program that asks for MPTCP gets ours, too, unless it does so by io_uring.
mptcp_by_bpf()
{
	[ -e /proc/sys/net/mptcp/enabled ] || skip "the kernel has no MPTCP"
	way_by_bpf
	kschannelctl run --quiet --way bpf --client --server -- env -u LD_PRELOAD \
		h_inherit $mptcp listen 7335 h_inherit serve &
	background="$background $!"
	await 10 listening 7335
	echoed 7335
	serve 7336
	h_uring 127.0.0.1 7336 $mptcp | grep "a page"
	refused kschannelctl run --quiet --way bpf -- h_uring 127.0.0.1 7336 $mptcp
	grep "socket:" /tmp/said
	# one that was made outside is not taken for one of ours
	refused h_inherit $mptcp listen 7337 kschannelctl run --quiet --way bpf -- \
		env -u LD_PRELOAD h_inherit serve
	grep "accept:" /tmp/said
}

# SMC goes on as TCP where it can't be had.
smc()
{
	way_by_bpf
	# outside it is made, or there is none
	h_inherit smc >/tmp/said 2>&1 || true
	fails grep -i "operation not permitted" /tmp/said
	refused kschannelctl run --quiet --way bpf -- h_inherit smc
}

# Without the way by BPF such sockets are made, and listen at nothing
smc_listens()
{
	described
	modprobe smc 2>/dev/null || true
	status=0
	h_inherit smc-listen || status=$?
	[ $status != 77 ] || skip "the kernel has no SMC"
	[ $status = 0 ]
	kschannelctl guard /guarded
	refused $inside guarded h_inherit smc-listen
}

takes_over()
{
	kschannelctl guard /guarded/below
	ls $pins/guard_*/guard-accept
	[ "$(find $pins -name 'guard*' -type d | wc -l)" = 1 ]
	# what was guarded before is so still, and as this version does it
	refused $inside guarded nc 127.0.0.1 7340 </dev/null
	refused $inside guarded nc -l -p 7341
	refused h_inherit listen 7342 $inside guarded h_inherit serve
	grep "accept:" /tmp/said
}

# Programs that another version has left are replaced: as they were before there were
# directories, without those for accept(), and in another's directory
versions()
{
	described
	pins=/sys/fs/bpf/kschannel
	serve 7340
	kschannelctl guard /guarded
	for pin in $pins/guard_*/*; do
		mv "$pin" $pins/
	done
	rmdir $pins/guard_*
	rm $pins/guard-accept $pins/guard-announce
	takes_over
	fails ls $pins/guarded
	fails ls $pins/listen
	fails ls $pins/connect4
	mv $pins/guard_* $pins/guard_0
	rm $pins/guard_0/guard-accept
	takes_over
	fails ls $pins/guard_0
	kschannelctl guard --remove /guarded/below
	kschannelctl guard --remove /guarded
	$inside guarded wget -q -O - http://127.0.0.1:7340/page.html | cmp - $dir/page.html
}

wrong()
{
	fails kschannelctl guard guarded
	fails kschannelctl guard /not-there
	fails kschannelctl guard /guarded /guarded
	h_as 1000 true
	fails h_as 1000 kschannelctl guard /guarded
	fails h_as 1000 kschannelctl run --guard -- true
}

plan 16
run "connect() is refused" connects
run "listen() is refused" listens
run "protected programs are not refused" protected
run "kschannelctl guard --remove" removed
run "the library shaken off" evasion
run "sockets made by io_uring" uring
run "accept() from others' listeners" accepts
run "a socket that was handed over" handed_over
run "a socket that was handed over, and a BPF program" handed_over_by_bpf
run "what is given settings" settings
run "MPTCP" mptcp
run "MPTCP by a BPF program" mptcp_by_bpf
run "SMC" smc
run "SMC's listen()" smc_listens
run "programs of another version" versions
run "what can't be guarded" wrong
rmdir $cgroups/guarded/below $cgroups/guarded
finish
