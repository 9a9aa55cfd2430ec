# SPDX-License-Identifier: GPL-2.0-only
#
# The top of the build. Each directory has its own Makefile; this one joins them.
# Products go to build/.

KDIR ?= /lib/modules/$(shell uname -r)/build
KERNEL ?= 6.12
BUILD := $(CURDIR)/build

# The module is built in a directory of links, one for each kernel, so that
# objects of different kernels never meet. What a build in the tree itself has found out about
# its kernel, kernel/compat/have.h, is for no other.
RELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h 2>/dev/null)
MODULES = $(BUILD)/modules/$(RELEASE)

help:
	@echo 'Build'
	@echo '  modules   kschannel.ko for the kernel whose headers are in KDIR (default:'
	@echo '            the running one), in build/modules/RELEASE/'
	@echo '  daemon    kschanneld, kschannelctl and libkschannel, in build/daemon/'
	@echo '  install   module and programs, with manual pages and unit, below DESTDIR in'
	@echo '            PREFIX (/usr/local), as root'
	@echo '  clean     remove what was built; distclean removes downloads too'
	@echo 'Try'
	@echo '  demo      nginx, PostgreSQL and their clients, unmodified, speak TLS by a policy,'
	@echo '            in a virtual machine (as root)'
	@echo '  vm        a shell in a virtual machine with it all running (KERNEL=6.12)'
	@echo 'Check'
	@echo '  check     every test, those of the network on the newest kernel, a sixth of them on each'
	@echo '            of two others, another the next time; ends with "N passed, N failed"'
	@echo '  check-all  every test on each of the three'
	@echo '  check-debug  the tests in the virtual machine, on a kernel with sanitizers'
	@echo '            that is built when it is first asked for (40 CPU minutes)'
	@echo '  check-programs  nginx, PostgreSQL, Redis and others, unmodified, in a Debian'
	@echo '            in the virtual machine; a program of Go'"'"'s, too, where there is a compiler;'
	@echo '            all of it, built there, in a Debian 13 on 7.3, and PostgreSQL and psql 17'
	@echo '            with direct TLS'
	@echo '  check-trixie  the build, the virtual machine and tests of the network, as on Debian 13,'
	@echo '            on the kernel that it came with'
	@echo '  check-many  nearly thirty services of Debian'"'"'s under systemd, each enabled and used,'
	@echo '            with all captured: no byte is readable (half an hour where it is emulated);'
	@echo '            on 6.12, or with KERNEL=6.1 those that a preloaded library can protect'
	@echo '  check-ktls  the kernel'"'"'s whole test of kTLS with in-tree tls.ko and with ours,'
	@echo '            on 6.12 or with KERNEL=7.3, compared case by case (an hour where it is emulated)'
	@echo '  matrix    kernels, whether the module builds for each, how many tests pass, and what a'
	@echo '            byte costs beside kTLS, into build/matrix.md (hours where it is emulated;'
	@echo '            QUICK=1: of the tests a few; KERNELS="7.3 6.12"; LAST=1: the tests as'
	@echo '            "make check-all" left them, where it has run them)'
	@echo '  conformance  which tests show which behaviour of the handshake'
	@echo '  style     checkpatch, sparse, W=1 for each kernel, clang-tidy over everything'
	@echo '  bench     instructions per byte, into build/bench.json'
	@echo '  bench-profile  where the instructions of a figure go, by symbol'
	@echo '            (BENCH=stream/16KiB/aes-128-gcm)'
	@echo '  bench-web  instructions per request of nginx with TLS by four ways, into'
	@echo '            build/bench-web.json'
	@echo '  deps      install the Debian packages that these need (as root)'

modules:
	@test -n "$(RELEASE)" || { \
		echo 'KDIR=$(KDIR) has no kernel headers'; exit 1; }
	@mkdir -p $(MODULES)
	@flock $(MODULES)/.lock $(MAKE) --no-print-directory modules-locked \
		KDIR=$(KDIR)

modules-locked:
	@find $(MODULES) -name have.h -type l -delete
	@find Kbuild kernel uapi \( -name '*.[chS]' -o -name '*.sh' -o -name Kbuild \) ! -name have.h | \
	while read -r file; do \
		[ -L $(MODULES)/$$file ] && continue; \
		mkdir -p $(MODULES)/$$(dirname $$file) && \
		ln -sf $(CURDIR)/$$file $(MODULES)/$$file; \
	done
	@find $(MODULES) -xtype l -delete
	$(MAKE) -C $(KDIR) M=$(MODULES) modules

daemon:
	$(MAKE) -C daemon

install-daemon:
	$(MAKE) -C daemon install

# the kernel's own build knows where its modules are, and how to sign them
install: modules install-daemon
	$(MAKE) -C $(KDIR) M=$(MODULES) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	$(if $(DESTDIR),,ldconfig && depmod $(RELEASE))

deps:
	@selftests/vm/deps

# Well inside of what continuous integration may last for, in seconds; 0 for no limit
CHECK_LIMIT ?= 4700

# why, and how parts are chosen: selftests/turn
check: deps
	@selftests/turn selftests/tap/harness --limit $(CHECK_LIMIT) selftests/suites

check-all: deps
	@selftests/tap/harness selftests/suites

check-debug: deps
	@selftests/tap/harness selftests/suites-debug

check-programs: deps
	@$(MAKE) -s -C selftests/programs check check-trixie

# The rig, the build and the tests as on Debian 13, with the kernel that it came with
TRIXIE := t_handshake t_io t_ready t_policy guard.sh policy.sh cli.sh container.sh module.sh
check-trixie: deps
	@selftests/vm/debian trixie make -s -C selftests/net check-6.12 ONLY="$(TRIXIE)"

check-many: deps
	@$(MAKE) -s -C selftests/programs many MANY_KERNELS=$(KERNEL)

check-ktls: deps
	@$(MAKE) -s -C selftests/ktls check

demo: deps
	@selftests/demo/run

vm: deps
	@selftests/vm/run --kernel $(KERNEL) --shell

bench: deps
	$(MAKE) -C selftests/bench bench

# of the figure that BENCH names
bench-profile: deps
	$(MAKE) -C selftests/bench bench-profile

bench-web: deps
	$(MAKE) -C selftests/bench web

matrix: deps
	@selftests/matrix $(if $(QUICK),--quick) $(if $(LAST),--last) $(KERNELS)

style: deps
	@selftests/style/run

conformance:
	@selftests/conformance

clean:
	rm -rf $(BUILD)/modules $(BUILD)/daemon $(BUILD)/selftests \
		$(BUILD)/check $(BUILD)/kselftest $(BUILD)/kselftest.tar.gz $(BUILD)/matrix \
		$(BUILD)/matrix.md $(BUILD)/trixie $(BUILD)/vm/runs $(BUILD)/vm/base-*.cpio

distclean:
	rm -rf $(BUILD)

.PHONY: help modules modules-locked daemon install install-daemon deps check check-all check-debug \
	check-programs check-trixie check-many check-ktls demo vm bench bench-profile bench-web matrix style conformance clean distclean
