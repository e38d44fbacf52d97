/* SPDX-License-Identifier: Apache-2.0
 *
 * `outputs:`, `kafka:`, and values that may be secrets. Addresses take ${NAME}; a secret stands in the
 * environment or in a file, never in the pipeline file, which people share.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "config/key.h"

enum { SECRET_BYTES_MAX = 65536 }; /* all of them together */

/* Client properties whose value is a secret. */
static const char *const secrets[] = {"sasl.password", "ssl.key.password", "ssl.keystore.password",
                                      "ssl.key.pem", "sasl.oauthbearer.client.secret",
                                      "sasl.oauthbearer.config", "ssl.truststore.password"};

#define EXACTLY_ONCE "that every record counts once rests on it"

const snag_owned_property snag_owned_properties[] = {
    {"group.id", "snag run --group NAME"},
    {"group.instance.id", "snag run --instance NAME"},
    {"transactional.id", "snag run --instance NAME"},
    {"auto.offset.reset", "snag run --from earliest or latest"},
    {"isolation.level", EXACTLY_ONCE},
    {"enable.auto.commit", EXACTLY_ONCE},
    {"enable.auto.offset.store", EXACTLY_ONCE},
    {"enable.partition.eof", EXACTLY_ONCE},
    {"enable.idempotence", EXACTLY_ONCE},
    {"partition.assignment.strategy", EXACTLY_ONCE},
    {"transaction.timeout.ms", EXACTLY_ONCE},
};
const uint32_t snag_owned_property_count = sizeof snag_owned_properties / sizeof snag_owned_properties[0];

static void owned_check(snag_loader *loader, const snag_yaml *node)
{
    for (uint32_t i = 0; i < snag_owned_property_count; i++)
        if (snag_str_equal(node->key, snag_str_from(snag_owned_properties[i].name)))
            snag_finding_add(loader, node->key_at, "%.*s: snag sets this itself: %s", SNAG_FMT(node->key),
                             snag_owned_properties[i].instead);
}

static bool is_secret(snag_str name)
{
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (snag_str_equal(name, snag_str_from(secrets[i])))
            return true;
    return false;
}

bool snag_variable_in(snag_str text)
{
    for (size_t i = 0; i + 1 < text.size; i++)
        if (text.data[i] == '$' && text.data[i + 1] == '{')
            return true;
    return false;
}

/* A whole regular file, without the line end people put behind a secret. -1 = cannot be read. */
static ssize_t file_read(const char *path, char *to, size_t room)
{
    struct stat status;
    ssize_t size = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return -1;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
        size = read(file, to, room);
    close(file);
    while (size > 0 && (to[size - 1] == '\n' || to[size - 1] == '\r'))
        size--;
    return size;
}

static bool secret_file_load(snag_loader *loader, const snag_yaml *node, snag_str *out)
{
    char path[4096];
    snag_str name = {0};
    const snag_yaml *file = snag_yaml_get(node, "file");
    if (!file || node->count != 1) {
        snag_finding_add(loader, node->at, "%.*s: expected a text or { file: PATH }",
                         SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    if (!snag_place_load(loader, file, &name))
        return false;
    snag_buf buf = snag_buf_on(path, sizeof path);
    if (name.data[0] != '/' && loader->config->base_dir.size > 0) {
        snag_buf_str_put(&buf, loader->config->base_dir);
        snag_buf_byte(&buf, '/');
    }
    snag_buf_str_put(&buf, name);
    snag_buf_byte(&buf, '\0');
    char text[SECRET_BYTES_MAX];
    ssize_t size = buf.full ? -1 : file_read(path, text, sizeof text);
    if (size <= 0 || loader->secret_bytes + (size_t)size > SECRET_BYTES_MAX) {
        snag_finding_add(loader, file->at, "%.*s: the file \"%.*s\" cannot be read, is empty or too large",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(snag_utf8_cut(name, 200)));
        return false;
    }
    loader->secret_bytes += (size_t)size;
    *out = snag_loader_copy(loader, snag_str_of(text, (size_t)size));
    return true;
}

bool snag_secret_load(snag_loader *loader, const snag_yaml *node, snag_str *out)
{
    if (node->kind == SNAG_YAML_MAP)
        return secret_file_load(loader, node, out);
    return snag_place_load(loader, node, out);
}

static void option_load(snag_loader *loader, const snag_yaml *node, snag_option *option)
{
    option->name = node->key;
    owned_check(loader, node);
    if (is_secret(node->key) && node->kind == SNAG_YAML_TEXT && !snag_variable_in(node->text)) {
        snag_finding_add(
            loader, node->at,
            "%.*s: a secret does not belong into this file; write ${NAME} or { file: PATH }",
            SNAG_FMT(node->key));
        return;
    }
    snag_secret_load(loader, node, &option->value);
}

void snag_kafka_load(snag_loader *loader, const snag_yaml *node)
{
    if (!node)
        return;
    if (node->kind != SNAG_YAML_MAP || node->count > 200) {
        snag_finding_add(loader, node->at,
                         "kafka: expected a map of client properties, as { bootstrap.servers: … }");
        return;
    }
    snag_option *options = snag_loader_take(loader, node->count * sizeof *options);
    uint32_t count = 0;
    for (const snag_yaml *child = node->first; child; child = child->next)
        option_load(loader, child, &options[count++]);
    loader->pipeline->kafka = options;
    loader->pipeline->kafka_count = count;
}

static void prefix_load(snag_loader *loader, const snag_yaml *node, snag_str prefix)
{
    for (size_t i = 0; i < prefix.size; i++) {
        char c = prefix.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '_' && c != '-') {
            snag_finding_add(loader, node->at, "prefix: a topic's name is letters, digits, . _ and -");
            return;
        }
    }
    if (prefix.size > 200)
        snag_finding_add(loader, node->at, "prefix: at most 200 bytes: a topic's name has at most 249");
    loader->pipeline->prefix = prefix;
}

void snag_outputs_load(snag_loader *loader, const snag_yaml *node)
{
    snag_outputs_raw raw = {0};
    snag_pipeline *pipeline = loader->pipeline;
    if (!node || !snag_section_load(loader, &snag_section_outputs, node, &raw, NULL, NULL))
        return;
    const snag_yaml *registry = snag_yaml_get(node, "registry");
    pipeline->output_avro = raw.format == 1;
    if (raw.prefix.size)
        prefix_load(loader, snag_yaml_get(node, "prefix"), raw.prefix);
    if (!raw.registry.size)
        return;
    if (!pipeline->output_avro)
        snag_finding_add(loader, registry->key_at, "registry: is for format: avro");
    else if (pipeline->registry_url.size && !snag_str_equal(pipeline->registry_url, raw.registry))
        snag_finding_add(loader, registry->at,
                         "registry: another one than the source's; one registry for both");
    pipeline->registry_url = raw.registry;
}
