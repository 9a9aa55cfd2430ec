# SPDX-License-Identifier: GPL-2.0-only
#
# Passes KTAP on, and ends it with a line of totals, of the innermost results. The status is
# kselftest's: 0, 1 if anything failed or is missing, 4 if nothing could be run.
function count(line)
{
	if (line ~ /# SKIP/)
		skip++
	else if (line ~ /^ *not ok/)
		fail++
	else
		pass++
}

{ print; fflush() }
/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0; plans++ }
/^  (not )?ok / { count($0); within++ }
/^(not )?ok / {
	seen++
	# a failure that no subtest shows counts as one of its own
	if (!within || (/^not ok/ && !fails_within()))
		count($0)
	within = 0
	before = fail
}

function fails_within()
{
	return fail > before
}

END {
	if (plans != 1 || seen != planned) {
		print "# " seen + 0 " results, " planned + 0 " were planned"
		fail++
	}
	printf "# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:%d error:0\n", pass, fail, skip
	exit fail ? 1 : pass ? 0 : 4
}
