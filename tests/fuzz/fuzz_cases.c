/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of cases on hostile text: it reads it or says where the fault is, and every part it hands out
 * lies in its bounds.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "cli/cases.h"
#include "unit/cases_pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum_of(snag_str text)
{
    uint64_t sum = text.size;
    for (size_t i = 0; i < text.size; i++)
        sum += (unsigned char)text.data[i];
    return sum;
}

static uint64_t look_at(const snag_cases *cases)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < cases->case_count; i++) {
        const snag_case *one = &cases->cases[i];
        sum += sum_of(one->name);
        for (uint32_t j = 0; j < one->use_count; j++)
            sum += sum_of(one->use[j]);
        for (uint32_t j = 0; j < one->step_count; j++) {
            const snag_step *step = &cases->steps[one->step_first + j];
            sum += sum_of(step->text) + sum_of(step->event.type) + sum_of(step->event.customer);
            for (uint32_t k = 0; k < step->expect_count; k++) {
                const snag_expectation *want = &cases->expectations[step->expect_first + k];
                sum += sum_of(want->name) + sum_of(want->who);
                for (uint32_t l = 0; l < want->pair_count; l++)
                    sum += sum_of(want->pairs[l].text);
            }
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cases_pipeline given;
    snag_cases cases;
    snag_diag diag;
    cases_pipeline_init(&given);
    snag_err err = snag_cases_parse(&cases, snag_str_of(data, size), SNAG_STR("fuzz"), &given.pipeline,
                                    &diag);
    SNAG_ASSERT(err == SNAG_OK || (err == SNAG_USAGE && diag.line > 0 && diag.text[0]));
    if (!err)
        SNAG_ASSERT(look_at(&cases) < UINT64_MAX);
    snag_cases_free(&cases);
    return 0;
}
