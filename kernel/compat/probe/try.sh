#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# try.sh NAME.c COMPILER FLAGS...: prints "#define KSC_HAVE_NAME 1" if it compiles. If it
# does not, the compiler names one of its lines. Where that fails for another reason, or
# headers.c does not compile, nobody knows what the kernel has: that ends the build.
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
echo "$file: can't be tried" >&2
exit 1
