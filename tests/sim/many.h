/* SPDX-License-Identifier: Apache-2.0
 *
 * Worlds as processes: run one, run many, make a failing one small.
 */
#ifndef SIM_MANY_H
#define SIM_MANY_H

#include "base/planted.h"
#include "world.h"

typedef struct sim_many {
    const char *program;
    const char *plant; /* NULL = none */
    uint64_t worlds;
    uint64_t seed;
    uint32_t jobs; /* 0 = as many as processors */
    bool one;
    bool red;
    bool points;
    bool no_shrink;
    sim_setup setup;
} sim_many;

/* A world under way in a process of its own. */
typedef struct sim_child {
    sim_setup setup;
    int pid;
    int from; /* its verdict comes here */
} sim_child;

void sim_child_start(sim_child *child, const sim_setup *setup, FILE *tell);
/* Waits for the verdict; a crash is one. */
void sim_child_end(sim_child *child, sim_verdict *verdict);

/* Greedily leaves out faults, workers and records while the world still fails. */
void sim_shrink(sim_setup *setup, sim_verdict *verdict);
/* The command that repeats it. */
void sim_command_print(const sim_many *many, const sim_setup *setup);

/* The exit codes. */
int sim_one(const sim_many *many);
int sim_all(const sim_many *many);

/* False: not built with planted bugs. */
bool sim_plant(snag_plant plant);
/* As --lose has it. */
const char *sim_loss_word(sim_loss loss);

#endif
