# SPDX-License-Identifier: GPL-2.0-only
# The fuzzer of what the library gets from the daemon, "make library": the library alone, to
# which the fuzzer is the daemon, and the kernel's keys.
ROLES += library
.PHONY: library
all: $(OUT)/fuzz-library $(OUT)/seeds-library/tls13

NL_FLAGS := $(shell pkg-config --cflags libnl-3.0)
NL_LIBS := $(shell pkg-config --libs libnl-3.0)
MESSAGE := $(addprefix $(TOP)/daemon/common/,message.c message-gen.c suites.c)
LIBRARY := $(wildcard $(TOP)/daemon/lib/*.c)

$(OUT)/fuzz-library: library.c $(LIBRARY) $(MESSAGE) $(HEADERS) $(wildcard $(TOP)/daemon/lib/*.h)
	mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) $(NL_FLAGS) -fsanitize=fuzzer -Wl,--wrap=connect,--wrap=ioctl \
		-o $@ library.c $(LIBRARY) $(MESSAGE) $(NL_LIBS)

# by the daemon's own answers in handshakes
TOLD := library-seeds.c $(SHARED) $(ENGINE) $(FILES) $(TOP)/daemon/context/result.c
$(OUT)/make-seeds-library: $(TOLD) $(HEADERS) $(CERTS)/ca.pem
	$(CLANG) $(FUZZ_CFLAGS) $(NL_FLAGS) -DKSC_FUZZ_ROLE=KSC_ROLE_CLIENT -o $@ $(TOLD) \
		$(FUZZ_LIBS) $(NL_LIBS)
