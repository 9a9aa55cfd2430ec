# SPDX-License-Identifier: GPL-2.0-only
# kschannelctl and the library that its "run" preloads. Included by
# daemon/Makefile; "make -f daemon/ctl/ctl.mk" works too.
include $(dir $(lastword $(MAKEFILE_LIST)))../../build.mk
CTL_OUT := $(TOP)/build/daemon
LIBDIR ?= /usr/local/lib/kschannel

CTL_BINARY := $(CTL_OUT)/kschannelctl
PRELOAD_LIBRARY := $(CTL_OUT)/libkschannel-preload.so

CTL_CFLAGS := $(KSC_CFLAGS) $(KSC_DEPENDS) $(KSC_HARDEN)
CTL_SOURCES := $(wildcard $(TOP)/daemon/ctl/*.c) $(TOP)/daemon/preload/env.c
PRELOAD_SOURCES := $(wildcard $(TOP)/daemon/preload/*.c)
# shared with the daemon
CTL_COMMON := address extack hash names names-gen suites
BPF := socket guard
CTL_OBJECTS := $(CTL_SOURCES:$(TOP)/daemon/%.c=$(CTL_OUT)/obj/%.o) $(BPF:%=$(CTL_OUT)/obj/ctl/bpf-%.o) \
	$(CTL_COMMON:%=$(CTL_OUT)/obj/ctl/common/%.o)
PRELOAD_OBJECTS := $(PRELOAD_SOURCES:$(TOP)/daemon/%.c=$(CTL_OUT)/obj/%.pic.o)

CTL_PACKAGES := libnl-genl-3.0 json-c libbpf smartcols
CTL_DEPENDS_CFLAGS := $(shell pkg-config --cflags $(CTL_PACKAGES))
CTL_LIBS := $(shell pkg-config --libs $(CTL_PACKAGES)) -lunistring

.PHONY: ctl preload ctl-tidy
ctl: $(CTL_BINARY) $(PRELOAD_LIBRARY)
preload: $(PRELOAD_LIBRARY)

$(CTL_BINARY): $(CTL_OBJECTS)
	$(CC) $(LDFLAGS) -o $@ $^ $(CTL_LIBS)

$(PRELOAD_LIBRARY): $(PRELOAD_OBJECTS)
	$(CC) $(LDFLAGS) -shared -Wl,-z,defs -Wl,-z,now -o $@ $^ -ldl -lpthread

$(CTL_OUT)/obj/ctl/%.o: $(TOP)/daemon/ctl/%.c
	@mkdir -p $(@D)
	$(CC) $(CTL_CFLAGS) $(CTL_DEPENDS_CFLAGS) -DKSC_LIBDIR='"$(LIBDIR)"' $(CFLAGS) -c -o $@ $<

$(CTL_OUT)/obj/ctl/common/%.o: $(TOP)/daemon/common/%.c
	@mkdir -p $(@D)
	$(CC) $(CTL_CFLAGS) $(CTL_DEPENDS_CFLAGS) $(CFLAGS) -c -o $@ $<

# -g generates BTF, which the kernel requires. The headers include some of the C
# library's, which clang does not find by default.
BPF_CLANG ?= clang
BPF_INCLUDE := -I$(TOP)/uapi -I$(TOP)/daemon -I/usr/include/$(shell $(CC) -print-multiarch)
$(CTL_OUT)/obj/bpf/%.bpf.o: $(TOP)/daemon/bpf/%.bpf.c $(wildcard $(TOP)/daemon/bpf/*.h)
	@mkdir -p $(@D)
	$(BPF_CLANG) -target bpf -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter $(BPF_INCLUDE) -c -o $@ $<

$(CTL_OUT)/obj/ctl/bpf-%.o: $(TOP)/daemon/ctl/bpf-object.S $(CTL_OUT)/obj/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(CC) -DKSC_BPF_NAME=ctl_$*_object -DKSC_BPF_OBJECT='"$(CTL_OUT)/obj/bpf/$*.bpf.o"' -c -o $@ $<

$(CTL_OUT)/obj/preload/%.o: $(TOP)/daemon/preload/%.c
	@mkdir -p $(@D)
	$(CC) $(CTL_CFLAGS) $(CFLAGS) -c -o $@ $<

$(CTL_OUT)/obj/preload/%.pic.o: $(TOP)/daemon/preload/%.c
	@mkdir -p $(@D)
	$(CC) $(CTL_CFLAGS) -fPIC -fvisibility=hidden $(CFLAGS) -c -o $@ $<

ctl-tidy:
	clang-tidy --quiet $(CTL_SOURCES) $(filter-out %/env.c,$(PRELOAD_SOURCES)) -- \
		$(filter-out $(KSC_DEPENDS),$(CTL_CFLAGS)) $(CTL_DEPENDS_CFLAGS)

-include $(call ksc-known,$(CTL_OBJECTS:.o=.d) $(PRELOAD_OBJECTS:.o=.d))
