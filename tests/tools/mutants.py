#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The engine with one operator or constant turned, one after the other: some test must notice each.

    tests/tools/mutants.py                all of them; half an hour
    tests/tools/mutants.py score device   those whose file or line contains one of these

Works in a copy of the sources (in $TMPDIR), with a build of its own. Prints which test noticed; exit 1 where
one was not noticed. golden/test_mutants.py keeps the table fitting the sources, and runs none of it.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

TEST_S = 40  # of the slowest that is needed, four times as much
SOURCE = pathlib.Path(__file__).resolve().parents[2]

# Not among them, as it is the same program: `second_ms > deadline_ms ? second_ms : deadline_ms` turned into
# `second_ms` (journey/span.c). The loader takes two levels only where both are counted alike, by one
# calendar, the second with the larger amount, in every season as well (snag_waits_alike, season_load), and
# each way of counting is monotone; a zone skips or repeats local time for both. And hold_again
# (engine/frozen.c) without `item->frozen = true`: the item's deadline lies behind, so that it is frozen at
# the next step.
#
# file, what is turned, into what, which tests besides the plain-text cases are to notice it
MUTANTS = [
    # missing and stages: levels, warnings, promises, clocks that stand
    ("rules/silence.c", "now_ms >= silence->deadline_ms)", "now_ms > silence->deadline_ms)", "stages"),
    ("rules/silence.c",
     "time_ms <= silence->deadline_ms && silence->level",
     "time_ms < silence->deadline_ms && silence->level", "stages taken rules recount"),
    ("rules/silence.c", " && silence->level != SNAG_TOLD_WARNING", "", "stages"),
    ("rules/silence.c",
     "silence->level < SNAG_TOLD_SECOND)\n        silence->level++",
     "silence->level < SNAG_TOLD_OVERDUE)\n        silence->level++", "stages"),
    ("rules/silence.c", "wait->warn + whole_ms % MILLION", "wait->warn + 0 * whole_ms % MILLION", "stages"),
    ("rules/silence.c", "stands == stood || (stood", "(stood", "stages"),
    ("rules/silence.c", "time_ms < silence->at_ms || stands == stood", "stands == stood", "stages"),
    ("rules/silence.c",
     "(stood && time_ms < silence->paused_ms)",
     "(stood && time_ms < silence->at_ms)", "stages"),
    ("rules/silence.c",
     "if (silence->level < SNAG_TOLD_OVERDUE)\n        silence->deadline_ms = snag_span",
     "if (silence->level < SNAG_TOLD_WARNING)\n        silence->deadline_ms = snag_span", "stages"),
    ("rules/silence.c",
     "if (silence->level < SNAG_TOLD_OVERDUE)\n        silence->deadline_ms = snag_span",
     "if (silence->level <= SNAG_TOLD_OVERDUE)\n        silence->deadline_ms = snag_span", "stages"),
    ("rules/silence.c",
     "silence->level > SNAG_TOLD_NOTHING && deadline_ms >= time_ms",
     "silence->level > SNAG_TOLD_NOTHING && deadline_ms > time_ms", "stages"),
    ("rules/silence.c",
     "silence->level > SNAG_TOLD_NOTHING && deadline_ms >= time_ms",
     "silence->level > SNAG_TOLD_WARNING && deadline_ms >= time_ms", "stages"),
    ("rules/silence.c",
     "if (silence->first_ms == SNAG_TIME_NONE)\n        silence->first_ms = "
     "silence->deadline_ms;\n    silence->deadline_ms = deadline_ms;",
     "silence->first_ms = silence->deadline_ms;\n    silence->deadline_ms = deadline_ms;", "stages"),
    ("rules/silence.c",
     "silence->level == SNAG_TOLD_OVERDUE && silence->second_ms != SNAG_TIME_NONE)",
     "silence->level >= SNAG_TOLD_OVERDUE && silence->second_ms != SNAG_TIME_NONE)", "stages"),
    ("rules/missing.c", "!answers_itself && snag_rule_answered(step)", "snag_rule_answered(step)", "rules"),
    ("rules/missing.c", "event->time_ms < kept->at_ms ||\n", "event->time_ms <= kept->at_ms ||\n", "rules"),
    ("rules/missing.c", "&learned) || deadline_ms == kept->deadline_ms", "&learned)", "rules"),
    ("rules/missing.c",
     "event->time_ms >= kept->at_ms - rule->params.overtake_ms)",
     "event->time_ms > kept->at_ms - rule->params.overtake_ms)", "rules recount"),
    ("rules/missing.c",
     "kept->at_ms >= event->time_ms - rule->params.overtake_ms)",
     "kept->at_ms > event->time_ms - rule->params.overtake_ms)", "rules recount"),
    ("rules/missing.c",
     "if (event->time_ms >= kept->at_ms)\n        end(rule, step, event, "
     "SNAG_REASON_UNTIL)",
     "if (event->time_ms > kept->at_ms)\n        end(rule, step, event, "
     "SNAG_REASON_UNTIL)", "rules recount"),
    ("rules/missing.c",
     "if (anew && snag_rule_is_open(step)) {",
     "if ((anew || true) && snag_rule_is_open(step)) {", "rules"),
    ("rules/missing.c", "due_ms > now_ms ? due_ms", "due_ms > now_ms || true ? due_ms", "rules"),
    ("rules/missing.c",
     "if (roles & SNAG_ROLE_ANSWER)\n        on_answer(rule, step, event);\n",
     "if (roles & SNAG_ROLE_EVENT)\n        on_question(rule, step, event, (roles & "
     "SNAG_ROLE_ANSWER) != 0);\n    if (roles & SNAG_ROLE_ANSWER)\n        "
     "on_answer(rule, step, event);\n", "rules recount"),
    ("rules/missing.c",
     "waiting && event->time_ms < kept->at_ms)",
     "waiting && event->time_ms <= kept->at_ms)", "rules"),
    ("engine/promise.c",
     "self.known && !is_waiting(&self))\n            continue;",
     "false)\n            continue;", "stages"),
    ("engine/promise.c",
     "event->time_ms >= self.kept.silence.at_ms &&",
     "event->time_ms > self.kept.silence.at_ms &&", "stages walks"),
    ("engine/promise.c",
     "deadline_ms != self.kept.promised_ms)",
     "deadline_ms != self.kept.silence.deadline_ms)", "stages"),
    ("engine/promise.c", "i == stage ? snag_silence_ends", "i != stage ? snag_silence_ends", "stages"),
    ("engine/promise.c",
     "resumed && self->kept.silence.level >= SNAG_TOLD_OVERDUE",
     "resumed && self->kept.silence.level >= SNAG_TOLD_WARNING", "stages"),
    ("engine/promise.c",
     "snag_walk_get(&self.item, journey, &walk) || walk.ended)",
     "snag_walk_get(&self.item, journey, &walk))", "stages"),
    ("engine/promise.c",
     "if (self.known || i == stage)\n            rest(&self, i == stage);\n    }\n}\n\n"
     "void snag_promise_begin",
     "if (i == stage)\n            rest(&self, i == stage);\n    }\n}\n\nvoid "
     "snag_promise_begin", "stages"),
    ("engine/promise.c",
     "if (self.known || i == stage)\n            rest(&self, i == stage);\n    }\n}\n\n"
     "void snag_promise_expire",
     "if (i == stage)\n            rest(&self, i == stage);\n    }\n}\n\nvoid "
     "snag_promise_expire", "stages"),
    ("engine/promise.c", "due_ms > now_ms ? due_ms", "due_ms > now_ms || true ? due_ms", "stages"),
    ("engine/walk.c",
     "state.stage == stage || event->time_ms < state.entered_ms)",
     "state.stage == stage || event->time_ms <= state.entered_ms)", "stages walks"),
    ("engine/walk.c", "state.ended || state.stage != stage)", "state.ended)", "stages"),
    ("engine/walk.c",
     "time_ms <= state->closed_ms + settle_ms",
     "time_ms < state->closed_ms + settle_ms", "walks"),
    ("engine/walk.c",
     "(!journey->again || event->time_ms < state.closed_ms)",
     "(!journey->again || event->time_ms <= state.closed_ms)", "walks"),
    ("engine/walk.c",
     "deadline_ms >= snag_walk_expires(stage, &state)",
     "deadline_ms > snag_walk_expires(stage, &state)", "stages walks"),
    ("engine/walk.c", "began_ms <= state.closed_ms)", "began_ms < state.closed_ms)", "walks"),
    ("engine/walk.c",
     "state->level == SNAG_TOLD_OVERDUE) {",
     "state->level >= SNAG_TOLD_OVERDUE) {", "stages"),
    ("engine/walk.c",
     "if (state->level >= SNAG_TOLD_OVERDUE) {",
     "if (state->level >= SNAG_TOLD_WARNING) {", "stages"),
    ("engine/walk.c", "state->closed_ms = closed_ms;", "(void)closed_ms;", "walks"),
    ("engine/walk_stored.c",
     "due_ms < expire_ms ? due_ms",
     "due_ms < expire_ms || true ? due_ms", "stages walks"),
    ("engine/timers.c",
     "snag_rule_expires(rule, &engine->item) <= due_ms)\n        expire",
     "snag_rule_expires(rule, &engine->item) < due_ms)\n        expire", "walks"),
    # path
    ("rules/path.c", "one->step_ms <= params->dwell_ms", "one->step_ms < params->dwell_ms", "path"),
    ("rules/path.c", "one->step_ms <= params->dwell_ms", "one->began_ms <= params->dwell_ms", "path"),
    ("rules/path.c", "done < 2", "done < 1", "path"),
    ("rules/path.c", "done < 2", "done < 3", "path"),
    ("rules/path.c", "one->began_ms <= params->within_ms;", "one->began_ms < params->within_ms;", "path"),
    ("rules/path.c",
     "began_ms <= time_ms)\n            kept",
     "began_ms < time_ms)\n            kept", "path"),
    ("rules/path.c", "time_ms < kept->done_ms)", "time_ms <= kept->done_ms)", "path"),
    ("rules/path.c",
     "began_ms <= deadline_ms - rule->params.within_ms",
     "began_ms < deadline_ms - rule->params.within_ms", "path"),
    ("rules/path.c",
     "(SNAG_ROLE_MILESTONE | SNAG_ROLE_END))\n        on_end",
     "SNAG_ROLE_END)\n        on_end", "path"),
    ("rules/path.c", "|| (whole && (roles & SNAG_ROLE_END))", "|| (whole && false)", "path"),
    ("rules/path.c", " && !snag_rule_late(step))", ")", "path"),
    ("rules/path.c",
     "size_t done = path->count - 1; done > 0; done--",
     "size_t done = 1; done < path->count; done++", "path"),
    # score
    ("rules/score.c",
     "total >= fixed(rule->params.enter)",
     "total > fixed(rule->params.enter)", "rules taken"),
    ("rules/score.c", "kept->parts[i] >= fixed(MILLION / 1000)", "kept->parts[i] > 0", "rules"),
    ("rules/score.c", ">= (uint32_t)rule->params.kinds", "> (uint32_t)rule->params.kinds", "rules"),
    ("rules/score.c", "middle, half_life_ms) < level", "middle, half_life_ms) <= level", "rules"),
    ("rules/score.c",
     "fed->at_ms < since_of(rule, kept)",
     "fed->at_ms <= since_of(rule, kept)", "taken rules"),
    ("rules/score.c",
     "total < fixed(snag_score_leave(rule))) {",
     "total <= fixed(snag_score_leave(rule))) {", "taken rules"),
    ("rules/score.c", "(rule->params.enter + 1) / 2", "rule->params.enter", "rules"),
    ("rules/score.c",
     "event->time_ms < kept->at_ms)\n        return;\n    move_on",
     "event->time_ms <= kept->at_ms)\n        return;\n    move_on", "taken rules"),
    ("rules/score.c",
     "kept->at_ms - fed->at_ms,\n                        rule",
     "0 * fed->at_ms,\n                        rule", "taken rules"),
    ("rules/score.c",
     "kept->at_ms - fed->at_ms,\n                               rule",
     "0 * fed->at_ms,\n                               rule", "taken rules"),
    ("rules/score.c", "if (*part >> TINY_BITS == 0)\n        *part = 0;", "", "taken unit/test_decay"),
    ("rules/score.c",
     "if (kept->parts[i] > 0)\n            list",
     "if (kept->parts[i] > fixed(MILLION / 1000))\n            list", "rules"),
    ("rules/score.c", "FRACTION = 44", "FRACTION = 24", "rules"),
    ("engine/scores.c", "back ? item->opened_ms : work->at_ms", "work->at_ms", "taken"),
    # ratio, and what is usual
    ("rules/ratio.c", "held.den >= (wide)held.num", "held.den > (wide)held.num", "rules usual"),
    ("rules/ratio.c",
     "total.tried >= (uint64_t)rule->params.min",
     "total.tried > (uint64_t)rule->params.min", "rules"),
    ("rules/ratio.c", "moved >= SNAG_PANES_MAX)", "moved > SNAG_PANES_MAX)", "rules"),
    ("rules/ratio.c",
     "number <= kept->newest - SNAG_PANES_MAX)",
     "number < kept->newest - SNAG_PANES_MAX)", "rules"),
    ("rules/ratio.c",
     "now_ms - kept->below_ms >= rule->params.hold_ms",
     "now_ms - kept->below_ms > rule->params.hold_ms", "rules"),
    ("rules/ratio.c",
     "else if (reaches(step, &total, leave_of(rule), now_ms)) {\n        kept->below_ms "
     "= SNAG_TIME_NONE;",
     "else if (reaches(step, &total, leave_of(rule), now_ms)) {", "rules"),
    ("rules/ratio.c", "time_ms > now_ms ? event", "time_ms > now_ms || true ? event", "rules"),
    ("rules/ratio.c",
     "rule->params.within_ms) < kept->newest)",
     "rule->params.within_ms) <= kept->newest)", "rules"),
    ("engine/segment.c", "STRENGTH = 100", "STRENGTH = 99", "usual"),
    ("engine/segment.c", "all->tried >= STRENGTH", "all->tried > STRENGTH", "usual"),
    ("engine/segment.c", "number >= now ||", "number > now ||", "usual"),
    ("engine/segment.c", "number < now - PANES)", "number <= now - PANES)", "usual"),
    ("engine/segment.c", "are.newest - number > PANES)", "are.newest - number >= PANES)", "usual"),
    ("engine/segment.c", "PANE_HOURS = 6", "PANE_HOURS = 5", "usual"),
    # change
    ("rules/change.c", "uses < held->sum * (parts", "uses <= held->sum * (parts", "change"),
    ("rules/change.c", "uses > held->sum * (parts", "uses >= held->sum * (parts", "change"),
    ("rules/change.c", "held->sum >= least ||", "held->sum > least ||", "change"),
    ("rules/change.c", "held->uses * WEEKS >= least)", "held->uses * WEEKS > least)", "change"),
    ("rules/change.c", "|| held->uses * WEEKS >= least)", ")", "change"),
    ("rules/change.c", "&held, 2)) {", "&held, 1)) {", "change"),
    ("rules/change.c", "period + 1 + back_of(rule)", "period + back_of(rule)", "change"),
    ("rules/change.c", "SPREAD_S = 1800", "SPREAD_S = 1799", "change"),
    ("rules/change.c", "period != kept->next - 1 || ", "", "change"),
    ("rules/change.c", " || period != kept->alerted)", ")", "change"),
    ("rules/change.c", "at <= oldest_of(rule) + 1)", "at <= oldest_of(rule))", "change"),
    ("rules/change.c",
     "nothing ? SNAG_REASON_WINDOW_EMPTY : SNAG_REASON_BELOW",
     "nothing ? SNAG_REASON_BELOW : SNAG_REASON_BELOW", "change"),
    ("rules/change.c", "THURSDAY = 3", "THURSDAY = 4", "change"),
    ("rules/change.c", "calendar->zone_slot >= 0)", "calendar->zone_slot >= 1000)", "change"),
    # count and differs
    ("rules/count.c",
     "times[gone] < newest_ms - within_ms",
     "times[gone] <= newest_ms - within_ms", "rules"),
    ("rules/count.c",
     "of.kept->times[of.count - 1])\n        return; /* late",
     "of.kept->times[of.count - 1] + 1)\n        return; /* late", "rules"),
    ("rules/count.c",
     "times[of->count - 1] - within_ms;",
     "times[of->count - 1] - within_ms + 1;", "rules"),
    ("rules/count.c", "times[i - 1] > params->gap_ms", "times[i - 1] >= params->gap_ms", "rules"),
    ("rules/count.c", "dx + dy <= params->radius", "dx + dy < params->radius", "rules"),
    ("rules/count.c", "dx * dx + dy * dy <= params", "dx * dx + dy * dy < params", "rules"),
    ("rules/count.c",
     "if (params->quiet_ms >= 0)\n        return params->quiet_ms;\n",
     "if (params->quiet_ms >= INT64_MAX)\n        return params->quiet_ms;\n", "rules"),
    ("rules/count.c", "i - 1 : 0;", "0 : 0;", "rules"),
    ("rules/differs.c", "list[0].time_ms < before_ms", "list[0].time_ms <= before_ms", "rules"),
    ("rules/differs.c",
     "kept->list[i].time_ms > now->time_ms)\n                return false",
     "kept->list[i].time_ms >= now->time_ms)\n                return false", "rules"),
    ("rules/differs.c",
     "list[*count - 1].time_ms - rule->params.within_ms)",
     "list[*count - 1].time_ms - rule->params.within_ms + 1)", "rules"),
    ("rules/differs.c",
     "deadline_ms - rule->params.within_ms + 1)",
     "deadline_ms - rule->params.within_ms)", "rules"),
    # facts
    ("journey/fact.c",
     "time_ms > int_at(state->data) + fact->within_ms))",
     "time_ms >= int_at(state->data) + fact->within_ms))", "facts"),
    ("journey/fact.c",
     "event->time_ms > had_ms + fact->within_ms;",
     "event->time_ms >= had_ms + fact->within_ms;", "facts"),
    ("journey/fact.c",
     "SNAG_FACT_LAST ? event->time_ms < had_ms",
     "SNAG_FACT_LAST ? event->time_ms <= had_ms", "facts"),
    ("journey/fact.c",
     ": event->time_ms >= had_ms && !over)",
     ": event->time_ms > had_ms && !over)", "facts"),
    ("journey/fact.c", "by >= pane_count(fact) - entry[0])", "by > pane_count(fact) - entry[0])", "facts"),
    ("journey/fact.c", "if (age >= pane_count(fact))", "if (age > pane_count(fact))", "facts"),
    ("journey/fact.c",
     "entry[0] + gone >= pane_count(fact))",
     "entry[0] + gone > pane_count(fact))", "facts"),
    ("journey/fact.c",
     "by_ms > fact->within_ms - age_at(entry))",
     "by_ms >= fact->within_ms - age_at(entry))", "facts"),
    ("journey/fact.c",
     "if (age_ms > fact->within_ms)",
     "if (age_ms >= fact->within_ms)", "facts unit/test_facts"),
    ("journey/fact.c", "age_at(entry) <= age_ms) {", "age_at(entry) < age_ms) {", "facts"),
    ("journey/fact.c", "age_at(entry) <= age_ms) {", "true) {", "facts"),
    ("journey/fact.c",
     "int_at(state->data) + age_at(entry) <= fact",
     "int_at(state->data) + age_at(entry) < fact", "facts"),
    ("engine/facts.c", "if (item->open)\n        return false;\n    if (holds", "if (holds", "walks rules"),
    ("engine/facts.c",
     ">=\n                                                  engine->work.event->time_ms",
     ">\n                                                  engine->work.event->time_ms", "walks rules"),
    # time: order, late events, exclusions, devices
    ("engine/order.c", "a->place < b->place;", "a->place > b->place;", "unit/test_order order"),
    ("engine/apply.c",
     "engine->work.late = event->time_ms < judged_ms;",
     "engine->work.late = event->time_ms <= judged_ms;", "stages recount rules"),
    ("engine/apply.c",
     "engine->w_ms - engine->pipeline->remember_ms;\n    engine->counters.late",
     "engine->w_ms - engine->pipeline->remember_ms + 1;\n    engine->counters.late",
     "unit/test_engine rules"),
    ("engine/apply.c",
     "node->timer.due_ms < event->time_ms) {",
     "node->timer.due_ms <= event->time_ms) {", "recount stages"),
    ("engine/timers.c",
     "int64_t judged_ms = engine->work.at_ms + 1;",
     "int64_t judged_ms = engine->work.at_ms;", "recount stages walks"),
    ("engine/timers.c",
     "snag_wheel_pop(&table->wheel, w_ms - 1)",
     "snag_wheel_pop(&table->wheel, w_ms)", "recount stages"),
    ("engine/clock.c",
     "sample_ms <= rule->tolerance_ms && sample_ms",
     "sample_ms < rule->tolerance_ms && sample_ms", "unit/test_clock"),
    ("engine/clock.c",
     "sample_ms >= -rule->tolerance_ms",
     "sample_ms > -rule->tolerance_ms", "unit/test_clock"),
    ("engine/clock.c",
     "sample->place < piece->from || sample->stamp_ms <= piece->after_ms))\n        "
     "piece",
     "sample->place <= piece->from || sample->stamp_ms <= piece->after_ms))\n        "
     "piece", "unit/test_clock"),
    ("engine/clock.c", "return later(piece->least_ms, time_ms);", "return time_ms;", "unit/test_clock"),
    ("engine/clock.c",
     "sample->stamp_ms <= clock->seen_ms - rule->tolerance_ms;",
     "sample->stamp_ms <= clock->seen_ms + 0 * rule->tolerance_ms;", "unit/test_clock"),
    ("engine/clock.c",
     "clock->run_count >= SNAG_CLOCK_UPLOADS",
     "clock->run_count > SNAG_CLOCK_UPLOADS", "unit/test_clock"),
    ("engine/clock.c",
     "clock->run_misses == SNAG_CLOCK_MISSES)",
     "clock->run_misses > SNAG_CLOCK_MISSES)", "unit/test_clock"),
    ("engine/clock.c",
     "most_ms > off_ms + rule->tolerance_ms",
     "most_ms >= off_ms + rule->tolerance_ms", "unit/test_clock"),
    ("engine/clock.c",
     "sample_ms < off_ms - rule->tolerance_ms",
     "sample_ms <= off_ms - rule->tolerance_ms", "unit/test_clock"),
    ("engine/clock.c",
     "clock->pieces[1].floor_ms > w_ms)",
     "clock->pieces[1].floor_ms > w_ms + 1)", "unit/test_clock unit/test_device"),
    ("engine/clock.c", "set_back ? clock->run_time_ms : floor_ms", "floor_ms", "unit/test_clock"),
    ("engine/device.c",
     "max_skew_ms > event->device->came_ms",
     "max_skew_ms >= event->device->came_ms", "unit/test_clock sources unit/test_device"),
    # silent sources: what was published is held again, under a name of its own
    ("engine/frozen.c", "    item->cooldown_ms = SNAG_TIME_NONE;\n", "", "rules"),
    ("engine/frozen.c", "deadline_ms, snag_buf_str(&again));", 'deadline_ms, (snag_str){"", 0});', "silent"),
    ("engine/frozen.c", "item, deadline_ms, snag_buf", "item, deadline_ms + 1, snag_buf", "silent"),
    ("engine/frozen.c",
     "snag_buf_str_put(&again, engine->pipeline->sources[engine->taking].name);",
     "", "silent"),
    ("engine/frozen.c", "snag_buf_int(&again, engine->darks[engine->taking].last_ms);", "", "silent"),
    ("engine/exclude.c", "*last == engine->counters.events ||", "false ||", "sources"),
    # calendars
    ("base/calendar.c",
     "days_off[middle]) - measure->lost[middle] < target",
     "days_off[middle]) - measure->lost[middle] <= target", "calendars zones"),
    ("base/calendar.c",
     "measure->before[weekday + 1] < in_week",
     "measure->before[weekday + 1] <= in_week", "calendars zones"),
    ("base/calendar.c",
     "while (rest_ms > shift->to_ms - shift->from_ms)",
     "while (rest_ms >= shift->to_ms - shift->from_ms)", "calendars zones"),
    ("base/calendar.c", "day) + 1; /* this day", "day); /* this day", "calendars zones"),
    ("base/calendar.c", "if (is_day_off(calendar, day))", "if (is_day_off(calendar, day + 9999))",
     "calendars zones"),
    ("journey/span.c", "from_ms >= during->season->to_ms", "from_ms > during->season->to_ms", "calendars"),
    ("journey/span.c",
     "from_ms < during->season->from_ms",
     "from_ms <= during->season->from_ms", "calendars"),
    ("journey/span.c",
     "*unknown = *unknown || !zone;",
     "*unknown = *unknown || (!zone && named.size);", "calendars"),
]


def misfits():
    """Rows whose text does not stand in their file exactly once."""
    found = []
    for file, old, new, _ in MUTANTS:
        count = (SOURCE / "src" / file).read_text().count(old)
        if count != 1 or old == new:
            found.append(f"src/{file}: stands there {count} times: {old!r}")
    return found


def sh(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


class NoProgram(Exception):
    """It does not compile: nothing is known of it."""


class Copy:
    """The sources in a folder of their own, built."""

    def __init__(self, folder):
        self.at = pathlib.Path(folder)
        for name in ("src", "include", "schemas", "pipelines", "tests", "bench", "CMakeLists.txt"):
            (shutil.copytree if (SOURCE / name).is_dir() else shutil.copy)(SOURCE / name, self.at / name)
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
        done = sh("cmake", "-S", folder, "-B", folder + "/build", "-G", "Ninja",
                  "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                  "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1",
                  *(launcher if shutil.which("ccache") else []))
        if done.returncode or not self.build("snag", "zone_tool"):
            sys.exit(f"the copy cannot be built\n{done.stderr}")
        self.environment = dict(os.environ, SNAG=folder + "/build/snag", SNAG_BUILD=folder + "/build",
                                SNAG_SOURCE=folder)

    def build(self, *targets):
        return sh("ninja", "-C", str(self.at / "build"), *targets).returncode == 0

    def notices(self, test):
        name = test.removeprefix("unit/")
        if not self.build(*([name] if name != test else ["snag", "zone_tool"])):
            raise NoProgram
        if name != test:
            command = [str(self.at / "build/tests" / name)]
        elif test.endswith(".sh"):
            command = ["bash", str(self.at / "tests/golden" / test)]
        else:
            command = ["python3", str(self.at / "tests/golden" / test)]
        nothing = subprocess.DEVNULL
        run = subprocess.Popen(command, cwd=self.at, env=self.environment, stdout=nothing, stderr=nothing,
                               start_new_session=True)
        try:
            return run.wait(TEST_S) != 0
        except subprocess.TimeoutExpired: # it does not end: noticed
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            return True

    def noticed_by(self, tests):
        return next((test for test in tests if self.notices(test)), None)


def tests_of(words):
    recounts = {"recount": "test_recount.py", "facts": "test_facts.py", "calendars": "test_calendars.py",
                "zones": "test_zones.py", "order": "test_order.py", "sources": "test_sources.py",
                "silent": "test_silent.py"}
    named = [recounts.get(word, word if word.startswith("unit/") else f"test_recount_{word}.py")
             for word in words.split()]
    units = [name for name in named if name.startswith("unit/")]
    return [*units, "test_rules.sh", "test_cases.sh", *[name for name in named if name not in units]]


def main():
    wanted = sys.argv[1:]
    if misfits():
        sys.exit("\n".join(misfits()))
    left = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        if copy.noticed_by(["test_rules.sh", "test_cases.sh"]):
            sys.exit("the cases fail as it is")
        for file, old, new, words in MUTANTS:
            turned = f"{' '.join(old.split())} -> {' '.join(new.split())}"
            if wanted and not any(word in file or word in turned for word in wanted):
                continue
            path = copy.at / "src" / file
            text = path.read_text()
            path.write_text(text.replace(old, new))
            try:
                by = copy.noticed_by(tests_of(words)) or "NOBODY"
            except NoProgram:
                by = "DOES NOT COMPILE"
            path.write_text(text)
            left += by in ("NOBODY", "DOES NOT COMPILE")
            print(f"{by:28} {file}: {turned}", flush=True)
    print(f"{left} not noticed")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
