// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificates of peers. Importing one costs as much as a signature, because GnuTLS decodes all of
 * it, including extensions. For most purposes the positions of the parts suffice: the headers of
 * RFC 5280 4.1, parsed by libtasn1, which GnuTLS uses, too.
 *
 * Both must find the same parts, or one key could be taken for another. So everything up to the key
 * has to end where its header says; otherwise the certificate is imported instead. libtasn1 checks
 * that itself, except for an explicit tag: it continues after the contents of the tag, whatever
 * length the tag has.
 */
#include <libtasn1.h>
#include <string.h>

#include "engine/crt.h"
#include "engine/der.h"

/* Headers of DER, X.690 8.1.2 */
#define INTEGER		ASN1_TAG_INTEGER
#define BIT_STRING	ASN1_TAG_BIT_STRING
#define OID		ASN1_TAG_OBJECT_ID
#define SEQUENCE	KSC_DER_SEQUENCE
#define EXPLICIT(n)	(ASN1_CLASS_CONTEXT_SPECIFIC | ASN1_CLASS_STRUCTURED | (n))

/* Twice the longest that GnuTLS knows. */
#define MAX_OID		64

static bool skip(gnutls_datum_t *from, unsigned char tag)
{
	gnutls_datum_t content;

	return ksc_der_take(from, tag, &content);
}

/* The OID of an AlgorithmIdentifier in dotted form, RFC 5280 4.1.1.2. */
static bool read_oid(gnutls_datum_t algorithm, char oid[MAX_OID])
{
	gnutls_datum_t whole, content;
	int len;

	if (!ksc_der_take_whole(&algorithm, OID, &whole, &content))
		return false;
	/* the first byte is the length */
	return asn1_get_object_id_der(whole.data + 1, (int)(whole.size - 1), &len, oid,
				      MAX_OID) == ASN1_SUCCESS;
}

/* RSAPublicKey, RFC 8017 A.1.1, in the octets of a BIT STRING. */
static bool split_rsa(gnutls_datum_t key, struct ksc_crt_parts *parts)
{
	gnutls_datum_t numbers;

	/* the number of unused bits in the last octet */
	if (!key.size || key.data[0])
		return false;
	key.data++;
	key.size--;
	return ksc_der_take(&key, SEQUENCE, &numbers) && !key.size &&
	       ksc_der_take(&numbers, INTEGER, &parts->modulus) &&
	       ksc_der_take(&numbers, INTEGER, &parts->exponent) && !numbers.size;
}

/* SubjectPublicKeyInfo, RFC 5280 4.1.2.7 */
static bool split_key(gnutls_datum_t info, struct ksc_crt_parts *parts)
{
	gnutls_datum_t algorithm, key;
	char oid[MAX_OID];

	if (!ksc_der_take(&info, SEQUENCE, &algorithm) ||
	    !ksc_der_take(&info, BIT_STRING, &key) || info.size || !read_oid(algorithm, oid))
		return false;
	parts->pk = gnutls_oid_to_pk(oid);
	return parts->pk != GNUTLS_PK_RSA || split_rsa(key, parts);
}

static bool read_signature(gnutls_datum_t algorithm, struct ksc_crt_parts *parts)
{
	char oid[MAX_OID];

	if (!read_oid(algorithm, oid))
		return false;
	/* RSASSA-PSS has its hash in the parameters, RFC 4055 3.1 */
	parts->sign = gnutls_oid_to_pk(oid) == GNUTLS_PK_RSA_PSS ? GNUTLS_SIGN_UNKNOWN :
								   gnutls_oid_to_sign(oid);
	return true;
}

/**
 * ksc_crt_split() - find parts of a certificate without importing it
 * @der: the certificate
 * @parts: set to them
 *
 * Return: true; false if the certificate has to be imported, which may fail
 */
bool ksc_crt_split(const gnutls_datum_t *der, struct ksc_crt_parts *parts)
{
	gnutls_datum_t all = *der, crt, tbs, version, signature, rest, key;

	memset(parts, 0, sizeof(*parts));
	if (!ksc_der_take(&all, SEQUENCE, &crt) || all.size ||
	    !ksc_der_take(&crt, SEQUENCE, &tbs) || !ksc_der_take(&crt, SEQUENCE, &signature) ||
	    !ksc_der_take(&crt, BIT_STRING, &rest) || crt.size)
		return false;
	if (!ksc_der_take(&tbs, EXPLICIT(0), &version) || !skip(&version, INTEGER) || version.size)
		return false;
	/* serial number, signature, issuer, validity */
	return skip(&tbs, INTEGER) && skip(&tbs, SEQUENCE) && skip(&tbs, SEQUENCE) &&
	       skip(&tbs, SEQUENCE) && ksc_der_take_whole(&tbs, SEQUENCE, &parts->subject, &rest) &&
	       ksc_der_take(&tbs, SEQUENCE, &key) && split_key(key, parts) &&
	       read_signature(signature, parts);
}

/**
 * ksc_crt_import() - import a certificate
 * @der: the certificate
 * @crt: set to it; the caller frees it by gnutls_x509_crt_deinit()
 *
 * Return: 0, or a negative GnuTLS error and there is nothing to free
 */
int ksc_crt_import(const gnutls_datum_t *der, gnutls_x509_crt_t *crt)
{
	int rc = gnutls_x509_crt_init(crt);

	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_import(*crt, der, GNUTLS_X509_FMT_DER);
	if (rc < 0)
		gnutls_x509_crt_deinit(*crt);
	return rc;
}
