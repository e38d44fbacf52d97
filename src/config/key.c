/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows. Order is the manual's order: what everybody needs first, what is not built yet last.
 */
#include "config/key.h"

#include "base/time.h"
#include "event/record.h"

#define YEARS_MAX (INT64_C(3653) * SNAG_DAY_MS) /* ten years: longer is a slip of the pen */
#define AT(type, field) offsetof(type, field)

static const char *const key_words[] = {"customer", "account", NULL};
static const char *const clock_words[] = {"wall", "log", NULL};
static const char *const side_words[] = {"us", "customer", NULL};
static const char *const mode_words[] = {"live", "shadow", NULL};
static const char *const output_words[] = {"json", "avro", NULL};
static const char *const kind_words[] = {"text", "int", "double", "bool", "time", "duration", NULL};
static const char *const unit_words[] = {"auto", "s", "ms", "us", "ns", NULL};
static const char *const format_words[] = {
#define X(name, word) word,
    SNAG_FORMAT_TABLE(X)
#undef X
        NULL};
static const char *const format_later[] = {"snowplow", "debezium", "protobuf", "otel", NULL};
static const char *const severity_words[] = {
#define X(name, word) word,
    SNAG_SEVERITY_TABLE(X)
#undef X
        NULL};

#define NODE(field, shape, about) SNAG_KEY_NODE, field, NULL, 0, 0, NULL, shape, about, NULL
#define TEXT(field, about) SNAG_KEY_TEXT, field, NULL, 0, 0, NULL, "a text", about, NULL
#define PLACE(field, about)                                                                        \
    SNAG_KEY_PLACE, field, NULL, 0, 0, NULL, "a text; ${NAME} is replaced", about, NULL
#define WORD(field, words, otherwise, about) \
    SNAG_KEY_WORD, field, otherwise, 0, 0, words, NULL, about, NULL
#define TIME(field, min, otherwise, about) \
    SNAG_KEY_DURATION, field, otherwise, min, YEARS_MAX, NULL, NULL, about, NULL
#define WAIT(field, about) SNAG_KEY_WAIT, field, NULL, 1, YEARS_MAX, NULL, NULL, about, NULL
#define LATER(instead) SNAG_KEY_LATER, 0, NULL, 0, 0, NULL, NULL, instead, NULL

static const snag_key pipeline_keys[] = {
    {"pipeline", NODE(AT(snag_pipeline_raw, name_node), "a name",
                      "the pipeline's name: letters, digits, - and _; part of topics and ids")},
    {"version", SNAG_KEY_COUNT, AT(snag_pipeline_raw, version), "1", 1, UINT32_MAX, NULL, NULL,
     "rises with every change that is deployed", NULL},
    {"key", WORD(AT(snag_pipeline_raw, key), key_words, "customer",
                 "whose life it is: who shares a partition and its state")},
    {"sources", NODE(AT(snag_pipeline_raw, sources), "a map: name to source",
                     "where events come from, and how records become events")},
    {"facts", NODE(AT(snag_pipeline_raw, facts), "a map: name to fact",
                   "values remembered per customer, to be used like kept names")},
    {"shapes", NODE(AT(snag_pipeline_raw, shapes), "a map: name to expression",
                    "kinds of customers, asked at each event, over names and facts; the first that is true "
                    "is the customer's; the last may be otherwise. Any value of a rule or stage may then be "
                    "a map of shape to value, with else; so may a journey's expire: and settle:, and "
                    "each weight of a score")},
    {"calendars", NODE(AT(snag_pipeline_raw, calendars), "a map: name to calendar",
                       "zones, business hours and holidays, by which due:, after: and sla: may count")},
    {"calendar", NODE(AT(snag_pipeline_raw, calendar), "a calendar's name",
                      "which of several counts where a duration names none")},
    {"seasons", NODE(AT(snag_pipeline_raw, seasons), "a map: name to season",
                     "busy weeks, outages: stretches of time in which during: widens deadlines")},
    {"journeys", NODE(AT(snag_pipeline_raw, journeys), "a map: name to journey",
                      "declared paths: stages, and how long each may take")},
    {"rules", NODE(AT(snag_pipeline_raw, rules), "a map: name to rule", "what is watched for")},
    {"quiet_event", NODE(AT(snag_pipeline_raw, quiet_event), "a duration, or {after, owner, …}",
                         "an event that the file names, or a rule, that came at least 20 times and then "
                         "stays away for twice its longest pause, and for at least this long, is told once; "
                         "default: not watched")},
    {"outputs", NODE(AT(snag_pipeline_raw, outputs), "a map", "where records go")},
    {"kafka", NODE(AT(snag_pipeline_raw, kafka), "a map",
                   "any client property, given to the client as is; ${NAME} is replaced, secrets "
                   "only so or as {file: PATH}")},
    {"redis", NODE(AT(snag_pipeline_raw, redis), "a map", "where state is kept for quick takeover")},
    {"budget", SNAG_KEY_BYTES, AT(snag_pipeline_raw, budget_bytes), "512MiB", 16777216,
     INT64_C(1) << 44, NULL, NULL, "memory that one process may use: 5/8 for state, the rest for records on "
     "their way", NULL},
    {"states", LATER("watch the alerts and journeys topics")},
    {"touchpoints", LATER(NULL)},
    {"policies", LATER("cooldown: on a rule spaces its alerts")},
    {"owners", LATER("give owner: a plain name")},
    {"metrics", LATER("the journeys topic holds every entry with its dwell time")},
    {"feedback", LATER(NULL)},
};

static const snag_key source_keys[] = {
    {"topic", PLACE(AT(snag_source_raw, topic), "the Kafka topic to read")},
    {"file", PLACE(AT(snag_source_raw, file), "a file of records to read instead of a topic")},
    {"format", SNAG_KEY_WORD, AT(snag_source_raw, format), NULL, 0, 0, format_words, NULL,
     "how a record is written", format_later},
    {"schema", TEXT(AT(snag_source_raw, schema),
                    "avro: the schema file (.avsc) of the records, beside the pipeline file")},
    {"registry", PLACE(AT(snag_source_raw, registry),
                       "avro: address of the schema registry, for records framed with a schema id")},
    {"map", NODE(AT(snag_source_raw, map), "a map: name to path",
                 "where id, time, type, customer, account and channel come from: a path, a list = "
                 "first present, = EXPRESSION, or {from, as, unit}; overrides the format's default "
                 "map name by name")},
    {"keep", NODE(AT(snag_source_raw, keep), "a map: name to path",
                  "the only other names that rules may see; text unless as: says otherwise")},
    {"const", NODE(AT(snag_source_raw, constants), "a map: name to text",
                   "names that are the same on every event of this source")},
    {"out_of_order", TIME(AT(snag_source_raw, out_of_order_ms), 0, "0s",
                          "how far behind the newest event of its partition an event may come and "
                          "still be judged in its right place")},
    {"delay", TIME(AT(snag_source_raw, delay_ms), 0, "1s",
                   "how long after it happened an event may reach the topic: silence is judged so "
                   "much later")},
    {"clock", WORD(AT(snag_source_raw, clock), clock_words, "wall",
                   "wall: an idle partition's time moves with the clock; log: only events move it")},
    {"silent", NODE(AT(snag_source_raw, silent), "a duration, or {after, events, owner, …}",
                    "no record in any partition for longer than this: it is the source that is in "
                    "trouble, and what waits for its events is held until it is back; default: not watched")},
    {"max_skew", TIME(AT(snag_source_raw, max_skew_ms), 0, "5m",
                      "an event stamped so far after its record's own timestamp is a bad record; with "
                      "device: if it is so even by its corrected time")},
    {"device", NODE(AT(snag_source_raw, device), "a path, a list, = EXPRESSION, or a map",
                    "whose clock stamps the events: one that is off is corrected, by an offset of its own "
                    "that stays as it is until several uploads in a row deny it; its own order is kept")},
    {"remember", TIME(AT(snag_source_raw, remember_ms), SNAG_SECOND_MS, "30d",
                      "how old an event may be and still open something; closed walks are kept so "
                      "long")},
    {"each", TEXT(AT(snag_source_raw, each),
                  "path of a list: one event for each of its items, whose own names stand below that path; "
                  "at most 256")},
    {"exclude", NODE(AT(snag_source_raw, exclude), "a map: name to expression",
                     "events for which one is true are counted under its name and never judged; the "
                     "names are those of keep:, as the record has them")},
    {"hash", SNAG_KEY_BOOL, AT(snag_source_raw, hash), "false", 0, 0, NULL, NULL,
     "customer and account are replaced by a hash (SHA-256, 32 hex digits), so that no key, alert or log "
     "holds what they are; rules see the hash", NULL},
    {"table", SNAG_KEY_BOOL, AT(snag_source_raw, table), "false", 0, 0, NULL, NULL,
     "its records are rows, the last one of each key (CRM, plan, promised dates): no happenings. What it "
     "keeps is a fact of that name, until the next row; a record without a value takes the row away. Whose "
     "row it is says the record's key, and when it came its timestamp, where map: does not", NULL},
    {"rekey", SNAG_KEY_BOOL, AT(snag_source_raw, rekey), "false", 0, 0, NULL, NULL,
     "the topic is not keyed by the customer: its records are first carried to internal topics that are, "
     "exactly once", NULL},
    {"zone", NODE(AT(snag_source_raw, zone), "a time zone",
                  "by whose clocks times are that are written without a zone, as 2026-01-05T10:00:00: an "
                  "hour that comes twice is the earlier, what the clocks leave out is as much later. "
                  "Without it such times are unreadable")},
};

static const snag_key silence_keys[] = {
    {"after", TIME(AT(snag_silence_raw, after_ms), SNAG_SECOND_MS, NULL,
                   "longer than the source is ever silent while it is well; snag check --sample says how "
                   "long that was")},
    {"events", NODE(AT(snag_silence_raw, events), "a name or a list",
                    "the events that it brings, of those that rules and journeys wait for; one may end in *; "
                    "default: it may bring any, so that all that waits is held")},
    {"severity", WORD(AT(snag_silence_raw, severity), severity_words, "error",
                      "of the alert source_silent, one for all partitions")},
    {"owner", TEXT(AT(snag_silence_raw, owner), "who is told")},
    {"playbook", TEXT(AT(snag_silence_raw, playbook), "what to do about it")},
};

static const snag_key quiet_keys[] = {
    {"after", TIME(AT(snag_quiet_raw, after_ms), SNAG_SECOND_MS, NULL, "no shorter pause is told")},
    {"severity", WORD(AT(snag_quiet_raw, severity), severity_words, "warning",
                      "of the alert quiet_event; partition 0 speaks for all, from its share of customers")},
    {"owner", TEXT(AT(snag_quiet_raw, owner), "who is told")},
    {"playbook", TEXT(AT(snag_quiet_raw, playbook), "what to do about it")},
};

static const snag_key mapping_keys[] = {
    {"from", NODE(AT(snag_mapping_raw, from), "a path, a list, = EXPRESSION",
                  "where the value stands: steps joined by dots; the first present of a list wins")},
    {"as", WORD(AT(snag_mapping_raw, as), kind_words, "text", "what the value is")},
    {"unit", WORD(AT(snag_mapping_raw, unit), unit_words, "auto",
                  "of a time: auto = RFC 3339, or an epoch number told apart by its size")},
    {"hash", SNAG_KEY_BOOL, AT(snag_mapping_raw, hash), "false", 0, 0, NULL, NULL,
     "of a text: rules and records see a hash of it (SHA-256, 32 hex digits)", NULL},
};

static const snag_key device_keys[] = {
    {"id", NODE(AT(snag_device_raw, id), "a path, a list, = EXPRESSION",
                "where the device's name stands; a record without one is taken as it is")},
    {"sent", NODE(AT(snag_device_raw, sent), "a path, a list, = EXPRESSION",
                  "when the device sent the record, by its own clock; where events are sent as they happen, "
                  "the same as time. Without it only a clock that runs ahead can be told: one that is slow "
                  "looks like a record that comes late")},
    {"received", NODE(AT(snag_device_raw, received), "a path, a list, = EXPRESSION",
                      "when the record came, by a right clock; default: its own timestamp, which lines of a "
                      "file do not have: their times are then taken as they are")},
    {"tolerance", TIME(AT(snag_device_raw, tolerance_ms), 1000, "10s",
                       "a clock that is less off is left alone")},
};

static const snag_key fact_keys[] = {
    {"last", NODE(AT(snag_fact_raw, form), "a kept name", "the newest value of a name; of its kind")},
    {"first", NODE(AT(snag_fact_raw, form), "a kept name", "the oldest value of a name")},
    {"count", NODE(AT(snag_fact_raw, form), "a name, a list, or {event, where}",
                   "how many of these events came: 0 and up")},
    {"sum", NODE(AT(snag_fact_raw, form), "a kept name",
                 "the sum of a number over the events that bear it")},
    {"share", NODE(AT(snag_fact_raw, form), "a name, a list, or {event, where}",
                   "how many of these events came for each of those under of:; absent before the first "
                   "of those")},
    {"of", NODE(AT(snag_fact_raw, of), "a name, a list, or {event, where}", "share: of which events")},
    {"distinct", NODE(AT(snag_fact_raw, form), "a kept name",
                      "how many different values of a name came; exact to 64, and never more")},
    {"event", NODE(AT(snag_fact_raw, event), "a name, a list, or {event, where}",
                   "last, first, sum, distinct: only of these events; default: of all that bear the name")},
    {"where", NODE(AT(snag_fact_raw, where), "an expression", "must be true of the event; sees no facts")},
    {"within", TIME(AT(snag_fact_raw, within_ms), 1, NULL,
                    "only what came so long before; count, sum and share slide in 64 steps; default: as "
                    "long as the customer is remembered")},
    {"per", NODE(AT(snag_fact_raw, per), "customer or account",
                 "whose fact it is; account only under key: account; default customer")},
};

static const snag_key journey_keys[] = {
    {"per", NODE(AT(snag_journey_raw, per), "a name or a list",
                 "one walk for each value: customer, account, or kept names; default customer")},
    {"stages", NODE(AT(snag_journey_raw, stages), "a map: name to stage",
                    "in order, but any may come next; entering one leaves the one before")},
    {"again", SNAG_KEY_BOOL, AT(snag_journey_raw, again), "false", 0, 0, NULL, NULL,
     "after its end, the same per value may walk again", NULL},
    {"expire", TIME(AT(snag_journey_raw, expire_ms), 1, NULL,
                    "a walk that stays so long in one stage ends: abandoned, or abandoned_after_friction; "
                    "default: it stays open until a stage with end:")},
    {"settle", TIME(AT(snag_journey_raw, settle_ms), 0, "0s",
                    "for so long after its end a walk's outcome may be amended, by what comes late or by "
                    "going on; each amending change says which one it corrects")},
    {"survey", NODE(AT(snag_journey_raw, survey), "a map",
                    "answers of customers, joined to the walk and the stage that they are about")},
    {"adopt", LATER(NULL)},
};

static const snag_key survey_keys[] = {
    {"event", NODE(AT(snag_survey_raw, event), "a name, a list, or {event, where}",
                   "an answer; it belongs to the walk with its per value, also after the walk has "
                   "ended")},
    {"where", NODE(AT(snag_survey_raw, where), "an expression", "must be true of the answer")},
    {"score", NODE(AT(snag_survey_raw, score), "a kept number",
                   "what was said; an answer without it is none")},
    {"about", NODE(AT(snag_survey_raw, about), "a kept name",
                   "the name of the stage that the answer is about, where it says so")},
    {"asked", NODE(AT(snag_survey_raw, asked), "a name, a list, or {event, where}",
                   "when the survey is sent, a question: an answer belongs to the newest one asked "
                   "before it that has no answer yet, and is about the stage the walk was in then. Without "
                   "asked:, and without about:, it is about the stage the walk was in when it was given")},
    {"by", NODE(AT(snag_survey_raw, by), "a kept name",
                "a name that a question and its answers share, as the survey's own id: an answer belongs to "
                "a question with the same value")},
};

#define TOLD(type, of)                                                                           \
    {"severity", WORD(AT(type, told.severity), severity_words, "warning", "how bad it is")},     \
    {"owner", TEXT(AT(type, told.owner), "who is told: a team, a role, a person")},              \
    {"sla", WAIT(AT(type, told.sla), "how soon somebody should respond")},                       \
    {"playbook", TEXT(AT(type, told.playbook), "what to do about it")},                          \
    {"headline", NODE(AT(type, told.headline), "a text",                                         \
                      "the alert's first line; {name} inserts a kept name, {customer}, "         \
                      "{elapsed} or {observed}; default: written from the " of)},                \
    {"tags", NODE(AT(type, told.tags), "a list of words",                                        \
                  "words for those who route alerts, carried into them")}

static const snag_key stage_keys[] = {
    {"event", NODE(AT(snag_stage_raw, event), "a name, a list, or {event, where}",
                   "the event that enters the stage; a name may end in *")},
    {"where", NODE(AT(snag_stage_raw, where), "an expression", "must be true of the event")},
    {"due", NODE(AT(snag_stage_raw, due), "a duration, also by a calendar or learned, or two levels",
                 "the stall <journey>.<stage>.late comes true if the walk is still here then; [48h, 96h]: "
                 "its alert escalates at the second; learned 95% else 48h: the time by which so many have "
                 "left it")},
    {"during", NODE(AT(snag_stage_raw, during), "a map: season to factor or duration",
                    "what due: is instead where the walk enters in a season, as { peak: 2x }; of two levels "
                    "a factor, or two durations")},
    {"promise", NODE(AT(snag_stage_raw, promise), "a kept time or a fact",
                     "the time by which a walk was promised to reach this stage; <journey>.<stage>.late "
                     "comes true if it has not by then. A later event of the walk may move it")},
    {"warn", NODE(AT(snag_stage_raw, warn), "a share, as 20%",
                  "how much of the time before it is due the alert comes, as a warning; it escalates when "
                  "due")},
    {"waits_on", WORD(AT(snag_stage_raw, waits_on), side_words, NULL,
                      "whose silence it is: told in the alert")},
    {"pause", NODE(AT(snag_stage_raw, pause), "a name, a list, or {event, where}",
                   "from this event on it is the other side's turn, and the clock stands: what is due moves "
                   "on by as long as it stood, in business hours or days by the open time of it")},
    {"resume", NODE(AT(snag_stage_raw, resume), "a name, a list, or {event, where}",
                    "from this event on it runs again")},
    {"milestone", TEXT(AT(snag_stage_raw, milestone), "entering it counts as value or success")},
    {"end", TEXT(AT(snag_stage_raw, end),
                 "entering it ends the walk with this outcome; true: smooth, or with_friction where an alert "
                 "of the walk began on the way")},
    TOLD(snag_stage_raw, "stage"),
};

static const snag_key matcher_keys[] = {
    {"event", NODE(AT(snag_matcher_raw, event), "a name or a list", "event names; one may end in *")},
    {"where", NODE(AT(snag_matcher_raw, where), "an expression", "must be true of the event")},
};

static const snag_key rule_keys[] = {
    {"event", NODE(AT(snag_rule_raw, event), "a name, a list, or {event, where}",
                   "the event the rule is about; a name may end in *")},
    {"where", NODE(AT(snag_rule_raw, where), "an expression", "must be true of the event")},
    {"per", NODE(AT(snag_rule_raw, per), "a name or a list",
                 "judged for each value apart: customer, account, or kept names; default customer")},
    {"exclude", NODE(AT(snag_rule_raw, exclude), "a map: kept name to texts",
                     "an event whose kept name is one of these texts does not count, as "
                     "{ role: [stepper] }; how many is told beside the rule")},
    {"use", NODE(AT(snag_rule_raw, use), "the name of a preset",
                 "takes the keys that are not given here from a preset, as rage_click/posthog; snag manual "
                 "presets prints them")},
    TOLD(snag_rule_raw, "rule"),
    {"during", NODE(AT(snag_rule_raw, during), "a map: season to factor or duration",
                    "what after: is instead where the waiting begins in a season, as { peak: 2x }; of two "
                    "levels a factor, or two durations")},
    {"cooldown", TIME(AT(snag_rule_raw, cooldown_ms), 0, "0s",
                      "no new alert of this rule and per value so soon after the last")},
    {"expire", TIME(AT(snag_rule_raw, expire_ms), 1, NULL,
                    "an alert ends so long after it began, if nothing else ends it: expired; what led there "
                    "(matches, shares, scores) is forgotten, and the test begins anew")},
    {"mode", WORD(AT(snag_rule_raw, mode), mode_words, "live",
                  "shadow: alerts go to <prefix>shadow and nobody is woken")},
    {"group", LATER(NULL)},
};

static const snag_key calendar_keys[] = {
    {"zone", NODE(AT(snag_calendar_raw, zone), "a time zone, or {from, else}",
                  "whose clocks count, as Europe/Berlin; or the time zone that an event names")},
    {"hours", NODE(AT(snag_calendar_raw, hours), "a map: days to intervals",
                   "when it is open: { mon-fri: [09:00-12:00, 13:00-17:00], sat: 10:00-14:00 }")},
    {"holidays", NODE(AT(snag_calendar_raw, holidays), "a list of dates, or a file.ics",
                      "days without hours: [2026-12-25, 2026-12-26], or an iCalendar file of whole days "
                      "beside the pipeline file, or both in a list")},
};

static const snag_key zone_keys[] = {
    {"from", TEXT(AT(snag_zone_raw, from), "the kept name or fact that holds a time zone, as Europe/Berlin")},
    {"else", NODE(AT(snag_zone_raw, otherwise), "a time zone",
                  "where an event has none, or one that is not known: counted as zone_default")},
};

static const snag_key season_keys[] = {
    {"from", NODE(AT(snag_season_raw, from), "a day or a time",
                  "2026-11-20 (its first moment), or 2026-11-20T08:00:00Z")},
    {"to", NODE(AT(snag_season_raw, to), "a day or a time", "2026-12-27 (its last moment), or a time")},
    {"zone", NODE(AT(snag_season_raw, zone), "a time zone",
                  "by whose clocks the days are; default that of the calendar that counts")},
};

static const snag_key outputs_keys[] = {
    {"prefix", TEXT(AT(snag_outputs_raw, prefix),
                    "before alerts, journeys, decisions …; default <pipeline>.")},
    {"format", WORD(AT(snag_outputs_raw, format), output_words, "json", "how records are written")},
    {"registry", PLACE(AT(snag_outputs_raw, registry),
                       "avro: address of the schema registry; without one, single-object framing")},
};

static const snag_key redis_keys[] = {
    {"url", NODE(AT(snag_redis_raw, url), "redis://HOST:PORT/DB, redis+cluster://…, redis+sentinel://…",
                 "where it is; ${NAME} is replaced; a password only so or as {file: PATH}")},
    {"user", PLACE(AT(snag_redis_raw, user), "the ACL user, where it is not the default one")},
    {"password", NODE(AT(snag_redis_raw, password), "${NAME} or {file: PATH}", "of the server, as it is")},
    {"sentinel_password", NODE(AT(snag_redis_raw, sentinel_password), "${NAME} or {file: PATH}",
                               "of the Sentinels themselves, where they ask for one")},
    {"tls_ca", PLACE(AT(snag_redis_raw, tls_ca),
                     "rediss: a file of the authorities to trust; default the system's")},
    {"tls_cert", PLACE(AT(snag_redis_raw, tls_cert), "rediss: a file with our certificate")},
    {"tls_key", PLACE(AT(snag_redis_raw, tls_key), "rediss: a file with its private key")},
};

const snag_section snag_section_pipeline =
    SNAG_SECTION("pipeline", "a pipeline file", "One file describes a pipeline.", pipeline_keys);
const snag_section snag_section_source =
    SNAG_SECTION("source", "a source", "A topic or a file, and how its records become events.",
                 source_keys);
const snag_section snag_section_silence =
    SNAG_SECTION("silence", "a silence", "When a source is silent itself, the long way.", silence_keys);
const snag_section snag_section_quiet = SNAG_SECTION(
    "quiet event", "a quiet event", "When names that came regularly come no more, the long way.", quiet_keys);
const snag_section snag_section_mapping =
    SNAG_SECTION("mapping", "a mapping", "Where one name comes from, the long way.", mapping_keys);
const snag_section snag_section_device =
    SNAG_SECTION("device", "a device's clock",
                 "The clock that stamps the events of a source, one for each device, and how to know that it "
                 "is off.",
                 device_keys);
const snag_section snag_section_fact =
    SNAG_SECTION("fact", "a fact", "A value remembered per customer, as of the time of the event that asks.",
                 fact_keys);
const snag_section snag_section_journey =
    SNAG_SECTION("journey", "a journey", "A declared path; each walk along it is followed.",
                 journey_keys);
const snag_section snag_section_survey =
    SNAG_SECTION("survey", "a survey", "What customers say of a journey: a change answered, with its score.",
                 survey_keys);
const snag_section snag_section_stage =
    SNAG_SECTION("stage", "a stage", "One stage of a journey.", stage_keys);
const snag_section snag_section_matcher =
    SNAG_SECTION("matcher", "an event", "What event:, missing: and until: take, the long way.",
                 matcher_keys);
const snag_section snag_section_rule =
    SNAG_SECTION("rule", "a rule", "One question asked of the events: exactly one test each.",
                 rule_keys);
const snag_section snag_section_calendar = SNAG_SECTION(
    "calendar", "a calendar",
    "Business hours of a zone: by it 3 business days and 60 days are counted. Zones are the system's "
    "(tzdata), or those of the folder that TZDIR names.",
    calendar_keys);
const snag_section snag_section_zone =
    SNAG_SECTION("calendar zone", "a calendar's zone", "The time zone of each customer, from its events.",
                 zone_keys);
const snag_section snag_section_season =
    SNAG_SECTION("season", "a season", "A stretch of time in which deadlines are wider.", season_keys);
const snag_section snag_section_outputs =
    SNAG_SECTION("outputs", "outputs", "Where records go and how they are written.", outputs_keys);
const snag_section snag_section_redis =
    SNAG_SECTION("redis", "redis", "Where state is kept beside the changelog.", redis_keys);

const snag_section *const snag_sections[] = {
    &snag_section_pipeline, &snag_section_source,   &snag_section_silence,  &snag_section_mapping,
    &snag_section_device,
    &snag_section_fact,     &snag_section_journey,  &snag_section_stage,    &snag_section_survey,
    &snag_section_rule,     &snag_section_quiet,    &snag_section_matcher,  &snag_section_calendar,
    &snag_section_zone,     &snag_section_season,
    &snag_section_outputs,  &snag_section_redis,
};
const uint32_t snag_section_count = sizeof snag_sections / sizeof snag_sections[0];
