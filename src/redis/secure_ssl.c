/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS by hiredis_ssl. Certificates are always verified, and must be those of the host that was asked for
 * where that is a name; hiredis itself does not compare names, so OpenSSL is told to.
 */
#include "redis/secure.h"

#include <stdlib.h>

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "redis/address.h"

struct snag_redis_secure {
    SSL_CTX *context;
};

static snag_err refuse(snag_diag *diag, const char *what, snag_str path)
{
    return snag_fail(diag, SNAG_CONFIG, "redis: TLS: %s%s%.*s%s", what, path.size ? " \"" : "",
                     SNAG_FMT(path), path.size ? "\"" : "");
}

/* Such paths are short-lived: OpenSSL wants terminated ones. */
static bool with_path(snag_str path, SSL_CTX *context, bool (*use)(SSL_CTX *, const char *))
{
    char *text = snag_redis_text_new(path);
    bool fine = text && use(context, text);
    free(text);
    return fine;
}

static bool use_ca(SSL_CTX *context, const char *path)
{
    return SSL_CTX_load_verify_locations(context, path, NULL) == 1;
}

static bool use_cert(SSL_CTX *context, const char *path)
{
    return SSL_CTX_use_certificate_chain_file(context, path) == 1;
}

static bool use_key(SSL_CTX *context, const char *path)
{
    return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1;
}

static snag_err files_load(SSL_CTX *context, const snag_redis_options *options, snag_diag *diag)
{
    if (options->tls_ca.size == 0 && SSL_CTX_set_default_verify_paths(context) != 1)
        return refuse(diag, "the system's authorities cannot be loaded", (snag_str){NULL, 0});
    if (options->tls_ca.size && !with_path(options->tls_ca, context, use_ca))
        return refuse(diag, "no certificates of authorities in", options->tls_ca);
    if (options->tls_cert.size && !with_path(options->tls_cert, context, use_cert))
        return refuse(diag, "no certificate in", options->tls_cert);
    if (options->tls_key.size && !with_path(options->tls_key, context, use_key))
        return refuse(diag, "no private key, or not this certificate's, in", options->tls_key);
    return SNAG_OK;
}

snag_err snag_redis_secure_new(snag_redis_secure **out, const snag_redis_options *options, snag_diag *diag)
{
    snag_redis_secure *secure = calloc(1, sizeof *secure);
    *out = secure;
    if (secure)
        secure->context = SSL_CTX_new(TLS_client_method());
    if (!secure || !secure->context)
        return snag_fail(diag, SNAG_MEMORY, "redis: out of memory");
    SSL_CTX_set_min_proto_version(secure->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(secure->context, SSL_VERIFY_PEER, NULL);
    return files_load(secure->context, options, diag);
}

void snag_redis_secure_free(snag_redis_secure *secure)
{
    if (!secure)
        return;
    SSL_CTX_free(secure->context);
    free(secure);
}

static bool name_expect(SSL *ssl, const char *host)
{
    unsigned char address[16];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

bool snag_redis_secure_start(snag_redis_secure *secure, redisContext *context, const char *host)
{
    SSL *ssl = SSL_new(secure->context);
    if (!ssl)
        return false;
    bool fine = name_expect(ssl, host) && redisInitiateSSL(context, ssl) == REDIS_OK;
    if (!fine)
        SSL_free(ssl); /* hiredis takes it over only where it succeeds */
    return fine;
}
