#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Real chaos: three brokers, Redis and three snag processes, and thirty faults while the calls flow; at the
# end the output is the replay's and Redis holds what the changelog says. The seed is fixed and printed with
# the command that repeats the schedule. Other seeds, for as long as you like: tests/tools/chaos.sh.
exec bash "$SNAG_SOURCE/tests/tools/chaos.sh" --seed 2022 --faults 30 --seconds 110 \
    --out-of-order 30s --redis cluster
