# SPDX-License-Identifier: GPL-2.0-only
# "make install": what "make daemon" built, below DESTDIR. Included by daemon/Makefile.
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
SYSTEMD_DIR ?= $(PREFIX)/lib/systemd/system
MANDIR ?= $(PREFIX)/share/man
INSTALL ?= install

LIB_PREFIX := $(PREFIX)
LIBDIR := $(PREFIX)/lib/kschannel

MAN := $(TOP)/docs/man
# the library's page is found by the name of each function
FUNCTIONS = $(shell sed -n 's/^\t\(kschannel_.*\);$$/\1/p' $(TOP)/daemon/lib/libkschannel.map)
into = $(INSTALL) -D -m $1 -t $(DESTDIR)$2

# what has the prefix in it is made anew with another
$(OUT)/libkschannel.pc $(OUT)/obj/ctl/run.o: $(OUT)/prefix
$(OUT)/prefix: prefix-now
	@mkdir -p $(@D)
	@echo $(PREFIX) | cmp -s - $@ || echo $(PREFIX) >$@

.PHONY: install prefix-now
install: all
	$(call into,755,$(SBINDIR)) $(OUT)/kschanneld $(OUT)/kschannelctl
	$(call into,644,$(LIBDIR)) $(OUT)/libkschannel-preload.so
	$(call into,644,$(PREFIX)/lib) $(OUT)/libkschannel.so.1 $(OUT)/libkschannel.a
	ln -sf libkschannel.so.1 $(DESTDIR)$(PREFIX)/lib/libkschannel.so
	$(call into,644,$(PREFIX)/lib/pkgconfig) $(OUT)/libkschannel.pc
	$(call into,644,$(PREFIX)/include) $(TOP)/daemon/lib/kschannel.h
	$(call into,644,$(PREFIX)/include/linux) $(wildcard $(TOP)/uapi/linux/*.h)
	for page in $(MAN)/*.[1-9]; do \
		$(call into,644,$(MANDIR)/man$${page##*.}) $$page || exit; \
	done
	for function in $(FUNCTIONS); do \
		echo .so man3/libkschannel.3 >$(DESTDIR)$(MANDIR)/man3/$$function.3 || exit; \
	done
	mkdir -p $(DESTDIR)$(SYSTEMD_DIR)
	sed 's|/usr/sbin/|$(SBINDIR)/|g' $(TOP)/daemon/kschanneld.service \
		>$(DESTDIR)$(SYSTEMD_DIR)/kschanneld.service
	$(call into,644,$(SYSTEMD_DIR)) $(TOP)/daemon/kschanneld-context.socket
