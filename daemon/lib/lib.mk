# SPDX-License-Identifier: GPL-2.0-only
# libkschannel, shared and static. Included by daemon/Makefile; "make -f
# daemon/lib/lib.mk" works too.
include $(dir $(lastword $(MAKEFILE_LIST)))../../build.mk
LIB_OUT := $(TOP)/build/daemon
LIB_VERSION := 0.1
LIB_PREFIX ?= /usr/local

LIB_SHARED := $(LIB_OUT)/libkschannel.so
LIB_STATIC := $(LIB_OUT)/libkschannel.a
LIB_CONFIG := $(LIB_OUT)/libkschannel.pc
LIB_MAP := $(TOP)/daemon/lib/libkschannel.map

LIB_CFLAGS := $(KSC_CFLAGS) $(KSC_DEPENDS) $(KSC_HARDEN) -fPIC
LIB_SOURCES := $(wildcard $(TOP)/daemon/lib/*.c)
# what both sides of the context socket have
LIB_COMMON := message message-gen suites
LIB_OBJECTS := $(LIB_SOURCES:$(TOP)/daemon/%.c=$(LIB_OUT)/obj/%.o) \
	$(LIB_COMMON:%=$(LIB_OUT)/obj/lib/common/%.o)
LIB_NL_CFLAGS := $(shell pkg-config --cflags libnl-3.0)
LIB_NL_LIBS := $(shell pkg-config --libs libnl-3.0)

.PHONY: lib
lib: $(LIB_SHARED) $(LIB_STATIC) $(LIB_CONFIG)

$(LIB_SHARED).1: $(LIB_OBJECTS) $(LIB_MAP)
	$(CC) $(LDFLAGS) -shared -Wl,-z,defs -Wl,-z,now -Wl,-soname,libkschannel.so.1 \
		-Wl,--version-script=$(LIB_MAP) -o $@ $(LIB_OBJECTS) $(LIB_NL_LIBS)

$(LIB_SHARED): $(LIB_SHARED).1
	ln -sf $(notdir $<) $@

$(LIB_STATIC): $(LIB_OBJECTS)
	$(AR) rcs $@ $^

$(LIB_CONFIG): $(TOP)/daemon/lib/libkschannel.pc.in
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(LIB_PREFIX)|; s|@VERSION@|$(LIB_VERSION)|' $< >$@

$(LIB_OUT)/obj/lib/%.o: $(TOP)/daemon/lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(LIB_NL_CFLAGS) $(CFLAGS) -c -o $@ $<

$(LIB_COMMON:%=$(LIB_OUT)/obj/lib/common/%.o): $(LIB_OUT)/obj/lib/common/%.o: $(TOP)/daemon/common/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) -fvisibility=hidden $(LIB_NL_CFLAGS) $(CFLAGS) -c -o $@ $<

-include $(call ksc-known,$(LIB_OBJECTS:.o=.d))
