#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# try.sh NAME.c COMPILER FLAGS...: prints "#define KSC_HAVE_NAME 1" if NAME.c compiles. If
# the compiler reports an error on one of its lines, the kernel lacks the feature. On any
# other error, or one in headers.c, the result is unknown and the build fails.
file=$1
shift
name=$(basename "$file" .c)

if errors=$(LC_ALL=C "$@" -fsyntax-only "$file" 2>&1); then
	echo "#define KSC_HAVE_$(echo "$name" | tr a-z A-Z) 1"
	exit 0
fi
case $errors in
*"fatal error: "*) ;;
*"/$name.c:"[0-9]*" error: "* | *" error: "*"/$name.c:"[0-9]*)
	[ "$name" = headers ] || exit 0
	;;
esac
echo "$errors" >&2
echo "$file: probe failed" >&2
exit 1
