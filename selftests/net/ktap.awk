# SPDX-License-Identifier: GPL-2.0-only
#
# TAP of one program, as the results of subtests in KTAP. What else it says is a comment
# there.
BEGIN { print "  KTAP version 1" }
/^1\.\.[0-9]+/ { print "  " $0; next }
# cmocka's way to say that a test was left out
/^(not )?ok [0-9]+ # SKIP/ {
	sub(/^not /, "")
	number = $2
	sub(/^ok [0-9]+ # SKIP */, "")
	print "  ok " number " " $0 " # SKIP"
	next
}
/^(not )?ok [0-9]+/ {
	sub(/ - /, " ")
	print "  " $0
	next
}
/^#/ { print "  " $0; next }
{ print "  # " $0 }
