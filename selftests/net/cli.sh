#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2059,SC2086,SC2317
#
# Programs that know nothing of TLS, run by kschannelctl, and the tools of
# OpenSSL, GnuTLS and curl at the other end.

. "$(dirname "$0")/tap.sh"
needs curl gnutls-cli gnutls-serv openssl
needs_busybox httpd nc wget

ca=/etc/kschannel/ca.pem
dir=/tmp/www
pids=

# background COMMAND...: killed at the end of the test
background()
{
	"$@" </dev/null >/tmp/background 2>&1 &
	pids="$pids $!"
}

cleanup()
{
	if [ -e /tmp/kept.conf ]; then
		mv /tmp/kept.conf /etc/kschannel/kschanneld.conf
		read_again
		set_parameters 3
	fi
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null || true
	wait
}

serve()
{
	background kschannelctl run --server "$@" -- httpd -f -p "$port" -h $dir
	await 10 listening "$port"
}

curl_fetches()
{
	port=7001
	serve
	curl -sS --cacert $ca "https://server.test:$port/page.html" >/tmp/got
	cmp /tmp/got $dir/page.html
	curl -sS --cacert $ca "https://server.test:$port/file" >/tmp/got
	cmp /tmp/got $dir/file
	curl -sS --cacert $ca --tls-max 1.2 "https://localhost:$port/file" >/tmp/got
	cmp /tmp/got $dir/file
	curl -sS --cacert $ca --http1.1 "https://server.test:$port/page.html" \
		"https://server.test:$port/page.html" >/tmp/got
	cat $dir/page.html $dir/page.html | cmp - /tmp/got
	# the name counts
	fails curl -sS --cacert $ca --connect-to "wrong.test:$port:127.0.0.1:$port" \
		"https://wrong.test:$port/page.html"
	# and so does the protection: without it there is no page
	curl -sS -m 10 "http://server.test:$port/page.html" >/tmp/got || true
	fails grep secret /tmp/got
}

request='GET /page.html HTTP/1.0\r\n\r\n'

s_client_fetches()
{
	port=7002
	serve
	for version in -tls1_3 -tls1_2; do
		printf "$request" | openssl s_client -quiet $version -CAfile $ca \
			-verify_return_error -servername server.test \
			-verify_hostname server.test -connect 127.0.0.1:$port >/tmp/got
		sed '1,/^.$/d' /tmp/got | cmp - $dir/page.html
	done
}

gnutls_cli_fetches()
{
	port=7003
	serve
	mkfifo /tmp/stdin
	for version in 1.3 1.2; do
		gnutls-cli --x509cafile $ca --logfile=/tmp/err -p $port \
			--priority "NORMAL:-VERS-ALL:+VERS-TLS$version" \
			server.test </tmp/stdin >/tmp/got &
		client=$!
		# at the end of its input it would not wait for the answer
		exec 5>/tmp/stdin
		printf "$request" >&5
		wait $client
		exec 5>&-
		grep "$(cat $dir/page.html)" /tmp/got
	done
	rm /tmp/stdin
}

wget_from()
{
	# $@: options of run; the server is at $port
	rm -f /tmp/got
	kschannelctl run --client "$@" -- wget -q -O /tmp/got "http://$name:$port/page.html"
}

wget_from_openssl()
{
	port=7004
	cd $dir
	background openssl s_server -WWW -accept $port -cert /etc/kschannel/server.pem \
		-key /etc/kschannel/server.key -quiet
	await 10 listening $port
	# the name is the one that wget looks up
	name=server.test
	wget_from
	cmp /tmp/got page.html
	wget_from --verify require --server-name localhost
	cmp /tmp/got page.html
	name=other.test
	fails wget_from
	[ ! -s /tmp/got ]
	wget_from --server-name server.test
	cmp /tmp/got page.html
	wget_from --verify none
	cmp /tmp/got page.html
	fails wget_from --server-name wrong.test
}

wget_from_gnutls()
{
	port=7005
	background gnutls-serv --http -p $port --x509certfile /etc/kschannel/server.pem \
		--x509keyfile /etc/kschannel/server.key -q
	await 10 listening $port
	name=server.test
	wget_from
	grep -qi gnutls /tmp/got
}

ours_both()
{
	port=7006
	serve --alpn http/1.1
	name=server.test
	wget_from --alpn h2,http/1.1
	cmp /tmp/got $dir/page.html
}

fetch_as()
{
	# $@: of h_names
	timeout 30 kschannelctl run --client -- h_names "$@" >/tmp/got
}

# Names that share an address, not all of which are the server's.
names_of_an_address()
{
	port=7017
	serve
	echo "127.0.0.1 evil.test" >>/etc/hosts
	fetch_as $port server.test evil.test
	grep "$(cat $dir/page.html)" /tmp/got
	fails fetch_as $port evil.test server.test
	# a certificate that does not say which one is meant needs them all
	fetch_as -t $port localhost server.test
	grep "$(cat $dir/page.html)" /tmp/got
	fails fetch_as -t $port server.test evil.test
	fails grep secret /tmp/got
	fails fetch_as -t $port evil.test server.test
	fails grep secret /tmp/got
}

# No handshake fails because the server rejects the name, for any name.
odd_names()
{
	port=7018
	serve
	echo "127.0.0.1 my_host -x" >>/etc/hosts
	name=my_host
	wget_from --verify none
	cmp /tmp/got $dir/page.html
	# it is not the certificate's, though
	fails wget_from
	wget_from --server-name server.test.
	cmp /tmp/got $dir/page.html
	fails wget_from --verify none --server-name a..test
	fails wget_from --verify none --server-name -x.test
}

# Another process made the listener, as with socket activation.
inherited_listener()
{
	port=7007
	background h_inherit listen $port kschannelctl run --server -- h_inherit serve
	await 10 listening $port
	mkfifo /tmp/stdin
	openssl s_client -quiet -CAfile $ca -verify_return_error -no_ign_eof \
		-connect 127.0.0.1:$port </tmp/stdin >/tmp/got &
	client=$!
	exec 5>/tmp/stdin
	echo "an echo" >&5
	await 10 grep "an echo" /tmp/got
	exec 5>&-
	wait $client
	rm /tmp/stdin
}

listed()
{
	port=7008
	mkfifo /tmp/stdin /tmp/stdin2
	# at the end of its input nc says so to the peer
	kschannelctl run --server -- nc -l -p $port </tmp/stdin2 >/dev/null &
	pids="$pids $!"
	exec 6>/tmp/stdin2
	await 10 listening $port
	kschannelctl list >/tmp/list
	grep "listen.*:$port" /tmp/list
	id=$(awk -v port=":$port" '$3 == "listen" && index($4, port) { print $1 }' /tmp/list)
	fails kschannelctl rekey "$id" 2>/tmp/err
	grep 'not connected: .*established' /tmp/err
	kschannelctl run --client --server-name server.test -- nc 127.0.0.1 $port </tmp/stdin &
	pids="$pids $!"
	exec 5>/tmp/stdin
	echo hello >&5
	await 10 has_bytes
	kschannelctl list >/tmp/list
	cat /tmp/list
	head -n 1 /tmp/list | grep -q '^ *ID *ROLE.*PEER.*SUITE'
	grep -E "^ *[0-9]+ +client +established +127.0.0.1:[0-9]+ +127.0.0.1:$port +TLSv1.3 +TLS_" /tmp/list
	grep -E "^ *[0-9]+ +server +established .*127.0.0.1\]?:$port .*:[0-9]+ +TLSv1.3 +TLS_" /tmp/list
	grep "client.*CN=server.test$" /tmp/list
	# what the first column says is good for rekey
	id=$(awk -v peer="127.0.0.1:$port" '$2 == "client" && $5 == peer { print $1 }' /tmp/list)
	kschannelctl rekey "$id"
	await 10 updated 1 0
	kschannelctl rekey --request "$id"
	await 10 updated 2 1
	kschannelctl rekey --all --request
	await 10 updated_at_least 3
	fails kschannelctl rekey 999999999 2>/tmp/err
	grep '999999999: .*no such socket' /tmp/err
	fails kschannelctl rekey
	fails kschannelctl rekey --all "$id"
	fails kschannelctl rekey -- -1
	fails kschannelctl rekey "${id}x"
	kschannelctl list --json >/tmp/list
	grep -q '"phase": *"established"' /tmp/list
	grep -q "\"peer\": *\"127.0.0.1:$port\"" /tmp/list
	grep -q '"peer_subject": *"CN=server.test"' /tmp/list
	rm /tmp/stdin /tmp/stdin2
}

# updated SENT RECEIVED: the client's KeyUpdates
updated()
{
	[ "$(kschannelctl list | awk -v peer="127.0.0.1:$port" \
		'$2 == "client" && $5 == peer { print $11, $14 }')" = "$1 $2" ]
}

updated_at_least()
{
	[ "$(kschannelctl list | awk -v peer="127.0.0.1:$port" \
		'$2 == "client" && $5 == peer { print $11 }')" -ge "$1" ]
}

# both directions of a connection have counted the six bytes
has_bytes()
{
	[ "$(kschannelctl list | grep -cE 'established.*:7008 .* 6 +1 +0 ')" = 2 ]
}

counted()
{
	kschannelctl stats >/tmp/stats
	cat /tmp/stats
	grep -qE '^daemon +yes$' /tmp/stats
	grep -qE '^handshakes completed +[1-9]' /tmp/stats
	kschannelctl stats --json | grep -qE '"handshakes_ok": *[1-9]'
}

# Each limit: what it is called, also in JSON; the default; how it is set, and to what
all_limits='limit: handshakes|limit_handshakes|8192|handshakes|4000
limit: of a user|limit_per_user|4096|handshakes-per-user|3000
limit: reserved for clients|limit_client_reserve|1024|client-reserve|500
limit: from an address|limit_per_address|512|handshakes-per-address|300
limit: from an IPv6 site|limit_per_site|2048|handshakes-per-site|900
limit: of a service|limit_per_listener|2048|handshakes-per-listener|700
limit: bytes of a first flight|limit_first_flight|18432|first-flight|20000
limit: steps|limit_steps|64|steps|70
limit: offers not answered|limit_window|32|window|40
limit: bytes of these|limit_window_bytes|1048576|window-bytes|2000000
limit: keys|limit_keys|16384|keys|5000
limit: keys of a user|limit_keys_per_user|4096|keys-per-user|2500
limit: records without data|limit_dataless|256|max_dataless|200
limit: key updates|limit_key_updates|128|max_key_updates|100'

# same FILE: it has the lines that come in, in whatever order
same()
{
	sort >/tmp/wanted
	sort "$1" | diff /tmp/wanted -
}

# of_limits FIELD FIELD BETWEEN
of_limits()
{
	echo "$all_limits" | awk -F'|' -v a="$1" -v b="$2" -v between="$3" \
		'{ print $a between $b }'
}

# shows_limits FIELD TRUSTED JSON: the values of that field, and these prefixes; no others
shows_limits()
{
	kschannelctl stats | sed -n '/^limit:/s/  */ /gp' >/tmp/shown &&
		of_limits 1 "$1" " " | same /tmp/shown &&
		kschannelctl stats | grep -E "^trusted prefixes +$2\$" &&
		kschannelctl stats --json | tr -d ' ",' | grep '^limit_' >/tmp/shown &&
		of_limits 2 "$1" : | same /tmp/shown &&
		kschannelctl stats --json | tr -d ' \n' | grep -F "\"trusted\":[$3]"
}

read_again()
{
	kill -HUP "$(cat /run/kschanneld.pid)"
}

limits_shown()
{
	conf=/etc/kschannel/kschanneld.conf
	shows_limits 3 none ""
	cp $conf /tmp/kept.conf
	{
		echo "[limits]"
		echo "$all_limits" | awk -F'|' '$4 !~ /^max_/ { print $4 " = " $5 }'
		echo "trusted = 192.0.2.0/24, 2001:db8::/32, ::/0"
	} >>$conf
	read_again
	set_parameters 5
	await 20 shows_limits 5 "192.0.2.0/24, 2001:db8::/32, ::/0" \
		'"192.0.2.0/24","2001:db8::/32","::/0"'
}

# set_parameters FIELD: what of these are the module's
set_parameters()
{
	echo "$all_limits" | awk -F'|' -v field="$1" '$4 ~ /^max_/ { print $4, $field }' |
		while read -r name value; do
			echo "$value" >/sys/module/kschannel/parameters/$name
		done
}

refused_programs()
{
	fails kschannelctl run -- /nowhere/nonesuch
	# nothing that would run unprotected
	cp "$(command -v kschannelctl)" /tmp/suid
	chown nobody /tmp/suid
	chmod u+s /tmp/suid
	fails kschannelctl run -- /tmp/suid list 2>/tmp/err
	cat /tmp/err
	grep -q set-user-ID /tmp/err
	# root's is not that to root; they go by name
	for program in sudo su doas; do
		cp "$(command -v kschannelctl)" /tmp/$program
		fails kschannelctl run --way preload -- /tmp/$program 2>/tmp/err
		grep "without the library" /tmp/err
		# nor do they behind others
		fails kschannelctl run --way preload -- env A=b timeout 5 /tmp/$program 2>/tmp/err
		grep "/tmp/$program: .* without the library" /tmp/err
		rm /tmp/$program
	done
	cp "$(command -v kschannelctl)" /tmp/systemd-run
	for way in auto preload; do
		fails kschannelctl run --way $way -- /tmp/systemd-run 2>/tmp/err
		grep "has a service run programs" /tmp/err
		fails kschannelctl run --way $way -- env -i /tmp/systemd-run 2>/tmp/err
		grep "/tmp/systemd-run: .* has a service run programs" /tmp/err
	done
	rm /tmp/systemd-run
	# words of theirs are no programs, and a library that gets lost is reported
	kschannelctl run --way preload --no-guard -- env -u sudo true 2>/tmp/err
	fails grep library /tmp/err
	kschannelctl run --way preload --no-guard -- env -i true 2>/tmp/err
	grep "takes the library out of the environment" /tmp/err
	fails kschannelctl run --alpn ,, -- true
	fails kschannelctl run --verify perhaps -- true
	kschannelctl run -- sh -c 'exit 7' || [ $? = 7 ]
}

# The drop-in is there, whole, or not.
drop_ins()
{
	file=/tmp/units/web@1.service.d/kschannel.conf
	there="--directory /tmp/units --no-reload"
	mkdir /tmp/units
	kschannelctl enable $there --way preload web@1
	grep -q '^Environment="LD_PRELOAD=/.*/libkschannel-preload.so"$' $file
	fails grep -q attach $file
	grep 'ExecStartPost=+".*/kschannelctl" preloaded \$MAINPID$' $file
	[ "$(ls -A /tmp/units/*)" = kschannel.conf ]
	# the drop-in of another package stays
	echo >/tmp/units/web@1.service.d/other.conf
	kschannelctl disable $there web@1.service
	[ "$(ls -A /tmp/units/*)" = other.conf ]
	rm /tmp/units/web@1.service.d/other.conf
	kschannelctl enable $there --way preload web@1.service
	kschannelctl disable $there web@1
	[ -z "$(ls -A /tmp/units)" ]
	# a unit that relies on a source directory warns of it
	kschannelctl enable $there --way preload web 2>/tmp/err
	self=$(command -v kschannelctl)
	# in the directory of somebody's own tests, this is one
	case $self in
	/mnt/*) ;;
	*) fails grep "not installed" /tmp/err ;;
	esac
	mkdir /tmp/built
	library=$(sed -n 's/^Environment="LD_PRELOAD=\(.*\)"$/\1/p' \
		/tmp/units/web.service.d/kschannel.conf)
	cp "$self" "$library" /tmp/built
	/tmp/built/kschannelctl enable $there --way preload web 2>/tmp/err
	grep "^kschannelctl: /tmp/built/kschannelctl is not installed" /tmp/err
	grep 'LD_PRELOAD=/tmp/built/' /tmp/units/web.service.d/kschannel.conf
	rm -r /tmp/built
	kschannelctl disable $there web
	[ -z "$(ls -A /tmp/units)" ]
	fails kschannelctl disable $there web@1 2>/tmp/err
	grep "not enabled" /tmp/err
	for name in ../web web/1 "we b" "" web.socket/x web.timer web.target; do
		fails kschannelctl enable $there "$name"
	done
	[ -z "$(ls -A /tmp/units)" ]
	# no service is called that, and there is no systemd to ask
	fails kschannelctl enable web
	fails kschannelctl enable --way perhaps $there web
	# systemd itself loads no library
	fails kschannelctl enable --way preload $there web.socket
}

# Which units are enabled, and then none.
enabled_units()
{
	units=/tmp/enabled
	there="--directory $units"
	mkdir $units
	[ "$(kschannelctl units $there --json | tr -d '\n')" = "[]" ]
	kschannelctl disable $there --no-reload --all | grep "^no unit is enabled$"
	for unit in web@ web@1 a; do
		kschannelctl enable $there --no-reload --way preload $unit
	done
	# drop-ins that others wrote are ignored
	mkdir $units/other.service.d $units/empty.service.d
	echo "[Service]" >$units/other.service.d/kschannel.conf
	ln -s $units/a.service.d $units/a.timer.d
	kschannelctl units $there >/tmp/got
	sed 's/  */ /g' /tmp/got | grep "^UNIT WAY GUARDED$"
	sed 's/  */ /g' /tmp/got | grep "^web@1.service preload no$"
	[ "$(wc -l </tmp/got)" = 4 ]
	kschannelctl units $there --json | grep '"unit": *"web@.service"'
	fails kschannelctl disable $there --no-reload --all web@1
	fails kschannelctl disable $there --no-reload
	[ "$(kschannelctl units $there | wc -l)" = 4 ]
	rm $units/web@.service.d/kschannel.conf
	kschannelctl disable $there --no-reload --all >/tmp/got
	grep "^a.service is no longer protected" /tmp/got
	grep "^web@1.service is no longer protected" /tmp/got
	[ "$(cd $units && echo *)" = "a.timer.d empty.service.d other.service.d web@.service.d" ]
	fails kschannelctl units --directory /nowhere
}

# Whether another process has the library; its command line does not show it.
in_a_process()
{
	for port in 7013 7014; do
		# the shell's child becomes the one and the other
		set -- openssl s_server -WWW -accept $port -cert /etc/kschannel/server.pem \
			-key /etc/kschannel/server.key
		[ $port = 7014 ] || set -- kschannelctl run --quiet --way preload -- "$@"
		background "$@"
		await 10 listening $port
		if [ $port = 7013 ]; then
			kschannelctl preloaded $!
		else
			fails kschannelctl preloaded $! 2>/tmp/err
			grep "^kschannelctl: process $!, .*/openssl: .* is not preloaded" /tmp/err
		fi
	done
	for pid in 0 -1 x 1x "" 1.0 99999999999999999999; do
		fails kschannelctl preloaded -- "$pid"
	done
	# one that has ended makes no connections
	true &
	pid=$!
	wait $pid
	kschannelctl preloaded $pid
}

# One way that needs a BPF file system, and one that does not.
ways()
{
	fails kschannelctl run --way perhaps -- true
	fails kschannelctl run --way bpf -- true 2>/tmp/err
	grep "no BPF file system" /tmp/err
	kschannelctl run -- true 2>/tmp/err
	grep "as the policy says, by preload" /tmp/err
	kschannelctl run --quiet -- true 2>/tmp/err
	[ ! -s /tmp/err ]
	mount -t bpf bpf /sys/fs/bpf
	if can_bpf; then
		kschannelctl run -- true 2>/tmp/err
		grep "as the policy says, by bpf" /tmp/err
		kschannelctl run --way bpf -- sh -c 'exit 7' || [ $? = 7 ]
		kschannelctl run --way bpf -- sh -c 'kill -TERM $$' || [ $? = 143 ]
		kschannelctl run --way bpf -- sh -c 'kill -TERM $PPID; exec sleep 100' || [ $? = 143 ]
	else
		fails kschannelctl run --way bpf -- true 2>/tmp/err
		grep -E "no update_socket_protocol|does not describe its types|can.t be (loaded|attached)|BPF" /tmp/err
	fi
	fails kschannelctl run --way bpf --server -- true 2>/tmp/err
	grep "settings" /tmp/err
	[ -z "$(find /sys/fs/cgroup -name 'kschannel-run*')" ]
}

# What is in the cgroup gets our sockets, what is not does not.
by_bpf()
{
	can_bpf 2>/tmp/err || skip "$(cat /tmp/err)"
	port=7010
	background kschannelctl run --way bpf --client --server -- httpd -f -p $port -h $dir
	await 10 listening $port
	curl -sS --cacert $ca "https://server.test:$port/page.html" >/tmp/got
	cmp /tmp/got $dir/page.html
	background httpd -f -p 7011 -h $dir
	await 10 listening 7011
	curl -sS "http://server.test:7011/page.html" >/tmp/got
	cmp /tmp/got $dir/page.html
}

# An application that cannot be protected does not connect at all.
never_plain()
{
	port=7009
	background nc -l -p $port
	await 10 listening $port
	fails kschannelctl run --client -- sh -c "echo secret | timeout 5 nc 127.0.0.1 $port"
	fails grep secret /tmp/background
}

mkdir -p $dir
echo "a secret page" >$dir/page.html
dd if=/dev/urandom of=$dir/file bs=65536 count=40 2>/dev/null

# what can be done with a BPF file system is tested with one of its own
umount /sys/fs/bpf 2>/dev/null || true
plan 19
run "httpd, fetched by curl" curl_fetches
run "httpd, fetched by openssl s_client" s_client_fetches
run "httpd, fetched by gnutls-cli" gnutls_cli_fetches
run "wget, from openssl s_server" wget_from_openssl
run "wget, from gnutls-serv" wget_from_gnutls
run "wget, from httpd" ours_both
run "names that share an address" names_of_an_address
run "names with an underscore, a dot, or none" odd_names
run "a server that runs programs" inherited_listener
run "kschannelctl list" listed
run "kschannelctl stats" counted
run "kschannelctl stats: limits" limits_shown
run "programs that cannot be protected" refused_programs
run "drop-ins of services" drop_ins
run "the units that are enabled" enabled_units
run "into another process" in_a_process
run "which way" ways
run "httpd by a BPF program, fetched by curl" by_bpf
run "never without protection" never_plain
finish
