# SPDX-License-Identifier: GPL-2.0-only
# Unit tests of the module's pure code. Included by selftests/unit/Makefile;
# "make -f selftests/unit/kernel/kernel.mk check-kernel" works too.
KERNEL_HERE := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
CFLAGS ?= -O1 -g
include $(KERNEL_HERE)/../../../build.mk
KERNEL_OUT := $(TOP)/build/selftests/unit/kernel

KERNEL_PACKAGES := cmocka gnutls
# the directory stands in for the kernel's own include/
KERNEL_CFLAGS := -I$(KERNEL_HERE) $(KSC_CFLAGS) $(KSC_DEPENDS) $(KSC_SANITIZE) -Wconversion \
	-I$(TOP)/kernel $(shell pkg-config --cflags $(KERNEL_PACKAGES))
KERNEL_LIBS := $(shell pkg-config --libs $(KERNEL_PACKAGES))
KERNEL_TESTS := $(patsubst $(KERNEL_HERE)/%.c,$(KERNEL_OUT)/%,$(wildcard $(KERNEL_HERE)/test_*.c))

# what the including Makefile's "check" runs
TESTS += $(KERNEL_TESTS)

.PHONY: check-kernel
check-kernel: $(KERNEL_TESTS)
	set -e; for t in $^; do CMOCKA_MESSAGE_OUTPUT=TAP $$t; done

$(KERNEL_OUT)/test_nonce $(KERNEL_OUT)/test_record: $(KERNEL_OUT)/record/frame.o
$(KERNEL_OUT)/test_rules: $(KERNEL_OUT)/policy/rules.o
$(KERNEL_OUT)/test_phase: $(KERNEL_OUT)/socket/phase.o

$(KERNEL_TESTS): %: %.o
	$(CC) $(KSC_SANITIZE) $(LDFLAGS) -o $@ $^ $(KERNEL_LIBS)

$(KERNEL_OUT)/test_%.o: $(KERNEL_HERE)/test_%.c
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) $(CFLAGS) -c -o $@ $<

$(KERNEL_OUT)/%.o: $(TOP)/kernel/%.c
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) $(CFLAGS) -c -o $@ $<

-include $(call ksc-known,$(KERNEL_OUT)/*.d $(KERNEL_OUT)/*/*.d)
