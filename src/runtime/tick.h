/* SPDX-License-Identifier: Apache-2.0
 *
 * Ticks that mattered, as records. The clock moves time where silence is proved; for most events that
 * leaves no trace, because what comes later is newer. Only where an event comes that is not newer than the
 * clock's time does it matter that the clock had been there: the event is late. So just that is recorded,
 * in the transaction that judges the event, once for each place to which the clock had gone:
 *
 *     offsets    7      8              9      10
 *     event at   10:00  10:01          10:05  10:04
 *     clock                ...10:06                     -> "at offset 9 the clock had come to 10:06"
 *
 * Whoever reads the log again moves time there before offset 9, and judges as the workers did. An event that
 * a device stamped counts as not newer: how far its clock is off is learned with a look at W.
 *
 *     first commit of a state   snag 1 i=<32 hex digits> p=0
 *     a tick                    snag 1 i=<32 hex digits> p=0 s=1 o=812 w=1767607200123
 *
 * Of a rekeyed source the first hop moves time, of each partition u of its topic, for all partitions of the
 * state; what it carried is deleted once it was read. So the hop records, by offsets of that topic:
 *
 *     first commit of a hop     snag 1 i=<32 hex digits> u=3 s=1
 *     a tick                    snag 1 i=<32 hex digits> u=3 s=1 o=812 w=1767607200123
 *
 * That a source brings nothing in any partition (silence.c), or something again, is what brokers answered
 * just then. So it is recorded with the tick that it was asked for, at the offset that comes next:
 *
 *     silent since              snag 1 i=<32 hex digits> p=0 s=1 o=812 w=1767607200123 q=1767606600000
 *     back                      snag 1 i=<32 hex digits> p=0 s=1 o=812 w=1767607200123 back
 *
 * A first hop finds that for its own partition only, and says it to all partitions of the state (rekey.c). So
 * its w is the place where it was said, and not to where the clock then went:
 *
 *     silent since              snag 1 i=<32 hex digits> u=3 s=1 o=812 w=1767607200000 q=1767606600000
 *     back, at b, of that       snag 1 i=<32 hex digits> u=3 s=1 o=812 w=1767607260100 q=1767606600000 b=…
 */
#ifndef SNAG_RUNTIME_TICK_H
#define SNAG_RUNTIME_TICK_H

#include "base/buf.h"
#include "base/limits.h"
#include "event/event.h"

typedef enum snag_tick_kind { SNAG_TICK_MOVED, SNAG_TICK_SILENT, SNAG_TICK_BACK } snag_tick_kind;

typedef struct snag_tick {
    uint8_t incarnation[16]; /* of the state that was judged, or of the hop that carried */
    bool hop;                /* of a first hop: partition is its topic's, else the state's */
    uint32_t partition;
    uint32_t source;
    int64_t offset;  /* of the event that was not newer; -1 = the state or hop begins here */
    int64_t time_ms; /* where the clock had moved this source's time; of the others: moves it */
    snag_tick_kind kind;
    int64_t last_ms; /* silent: the last record's stamp; of a hop also: back, and it is that silence's end */
    int64_t back_ms; /* back: when that was found */
} snag_tick;

enum { SNAG_TICK_WORDS_MAX = 176 };

void snag_tick_write(snag_buf *buf, const snag_tick *tick);
/* False: the words are not ours. */
bool snag_tick_read(snag_tick *tick, snag_str words);
/* Whether it matters to a record that the clock had moved its partition's time to low_ms, where the records
 * before it had only moved it to own_ms. */
bool snag_tick_matters(int64_t low_ms, int64_t own_ms, const snag_event *events, size_t count);

#endif
