# SPDX-License-Identifier: GPL-2.0-only
# "built" is "all" of the Makefile that includes this, made in another release of Debian where
# DEBIAN has its name.
ifdef DEBIAN
built:
	$(TOP)/selftests/vm/debian $(DEBIAN) make -s -C $(HERE) all
else
built: all
endif
