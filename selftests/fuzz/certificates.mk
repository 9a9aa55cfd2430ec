# SPDX-License-Identifier: GPL-2.0-only
# The fuzzer of what is seen of a certificate without importing it, "make certificates".
ROLES += certificates
.PHONY: certificates
all: $(OUT)/fuzz-certificates $(OUT)/seeds-certificates/server

SEEN := certificates.c $(addprefix $(UNIT)/,agree.c der.c) \
	$(addprefix $(TOP)/daemon/engine/,chain.c crt.c der.c key_size.c known.c \
	staple.c)
# as a peer shows them; a key that is too large is among them
SHOWN := server rsa ca pss ed25519 nosubject sha1 leaf-modulus-8193

$(OUT)/fuzz-certificates: $(SEEN) $(HEADERS)
	mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $(SEEN) $(FUZZ_LIBS)

$(OUT)/seeds-certificates/server: $(CERTS)/ca.pem
	rm -rf $(@D)
	mkdir -p $(@D)
	for name in $(SHOWN); do \
		openssl x509 -in $(CERTS)/$$name.pem -outform der -out $(@D)/$$name || exit; \
	done
