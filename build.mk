# SPDX-License-Identifier: GPL-2.0-only
#
# How programs are compiled, all of them. A Makefile that includes this adds what it needs, and
# has TOP from here. CFLAGS is the caller's.
TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))

CFLAGS ?= -O2 -g
KSC_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-I$(TOP)/uapi -I$(TOP)/daemon
# for a rule that makes an object of one file
KSC_DEPENDS := -MMD -MP
# of what it wrote before, the files whose source is still there
ksc-known = $(if $(wildcard $1),$(shell awk 'FNR == 1 { sought = 1 } \
	sought { for (i = 1; i <= NF; i++) if ($$i ~ /\.c$$/) { \
		if ((getline line < $$i) >= 0) print FILENAME; close($$i); sought = 0; break } }' \
	$(wildcard $1)))
# what is installed
KSC_HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2
# what is tested on the host
KSC_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
