/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipeline files from hostile bytes: each is a pipeline or has findings, in file order and printable, and
 * the same text always gives the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *environment(const char *name)
{
    return strcmp(name, "KAFKA") == 0 ? "localhost:9092" : NULL;
}

static void check_findings(const snag_config *config)
{
    static char text[4096];
    SNAG_ASSERT(config->error_count > 0);
    for (uint32_t i = 0; i < config->error_count; i++) {
        const snag_diag *diag = &config->errors[i].diag;
        const snag_diag *before = i > 0 ? &config->errors[i - 1].diag : diag;
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_config_error_print(&buf, config, &config->errors[i]);
        SNAG_ASSERT(!buf.full && buf.size > 0);
        SNAG_ASSERT(diag->text[0] != '\0');
        SNAG_ASSERT(before->line < diag->line ||
                    (before->line == diag->line && before->column <= diag->column));
    }
}

static void check_pipeline(const snag_pipeline *pipeline)
{
    SNAG_ASSERT(pipeline->name.size > 0 && pipeline->source_count >= 1);
    SNAG_ASSERT(pipeline->rule_count + pipeline->journey_count > 0);
    SNAG_ASSERT(pipeline->name_count == SNAG_VAR_KEPT + pipeline->sources[0].kept_count);
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        const snag_rule *rule = &pipeline->rules[i];
        SNAG_ASSERT(rule->kind != NULL && (rule->event.count > 0) != rule->kind->own_events);
        SNAG_ASSERT(rule->scope < pipeline->scope_count);
        SNAG_ASSERT(rule->signal.fingerprint != 0 && rule->signal.headline.size > 0);
    }
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        SNAG_ASSERT(pipeline->journeys[i].stage_count > 0);
        SNAG_ASSERT(pipeline->journeys[i].scope < pipeline->scope_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snag_config config;
    snag_config again;
    snag_str text = snag_str_of(data, size);
    snag_err err = snag_config_parse(&config, text, "fuzz.yaml", environment);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_CONFIG);
    if (err == SNAG_CONFIG) {
        check_findings(&config);
    } else {
        check_pipeline(&config.pipeline);
        SNAG_ASSERT(snag_config_parse(&again, text, "fuzz.yaml", environment) == SNAG_OK);
        SNAG_ASSERT(memcmp(again.pipeline.config, config.pipeline.config, 32) == 0);
        snag_config_free(&again);
    }
    snag_config_free(&config);
    return 0;
}
