/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry's client against a small HTTP server of our own: what it fetches, registers and remembers, and
 * what it does with answers that are wrong, late, too large, or do not come.
 */
#include "local/fetcher.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* --- the server -------------------------------------------------------------------------------- */

static void answer(int to, const char *status, const char *body, size_t size)
{
    char head[160];
    int head_size = snprintf(head, sizeof head,
                             "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, size);
    if (write(to, head, (size_t)head_size) < 0 || (size > 0 && write(to, body, size) < 0))
        return;
}

static void answer_text(int to, const char *status, const char *body)
{
    answer(to, status, body, strlen(body));
}

static void serve_get(int to, long id, unsigned asked)
{
    static char large[3000000];
    char body[80];
    switch (id) {
    case 1: answer_text(to, "200 OK", "{\"schema\":\"{\\\"type\\\":\\\"int\\\"}\"}"); return;
    case 2: answer_text(to, "200 OK", "{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}"); return;
    case 3: answer_text(to, "200 OK", "<html>not JSON"); return;
    case 4: answer_text(to, "500 Internal Server Error", "{}"); return;
    case 5: sleep(60); return;
    case 6: answer(to, "200 OK", large, sizeof large); return;
    case 7:
        snprintf(body, sizeof body, "{\"schema\":\"asked %u\"}", asked);
        answer_text(to, "200 OK", body);
        return;
    case 8: answer_text(to, "200 OK", "{\"schema\":\"x\",\"references\":[{\"name\":\"y\"}]}"); return;
    default: answer_text(to, "404 Not Found", "{\"error_code\":40403,"
                                              "\"message\":\"Schema not found\"}"); return;
    }
}

static void serve_post(int to, const char *request)
{
    if (strstr(request, "POST /base/subjects/shop.alerts-value%2F/versions ") &&
        strstr(request, "application/vnd.schemaregistry.v1+json") &&
        strstr(request, "{\"schemaType\":\"AVRO\",\"schema\":\"{\\\"type\\\":\\\"int\\\"}\"}"))
        answer_text(to, "200 OK", "{\"id\":42}");
    else
        answer_text(to, "409 Conflict", "{\"error_code\":409,\"message\":\"incompatible\"}");
}

static void serve_one(int to, unsigned asked)
{
    char request[4096];
    size_t size = 0;
    while (size < sizeof request - 1) { /* a head, and a body of at least a closing brace for POST */
        ssize_t got = read(to, request + size, sizeof request - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
        request[size] = '\0';
        if (strstr(request, "\r\n\r\n") && (request[0] == 'G' || request[size - 1] == '}'))
            break;
    }
    request[size] = '\0';
    if (request[0] == 'P')
        serve_post(to, request);
    else if (strncmp(request, "GET /base/schemas/ids/", 22) == 0)
        serve_get(to, strtol(request + 22, NULL, 10), asked);
}

typedef struct server {
    pid_t pid;
    uint16_t port;
    char url[64];
} server;

static int start_server(void **state)
{
    server *s = calloc(1, sizeof *s);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_non_null(s);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listening, 16), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/base/", s->port);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        for (unsigned asked = 0;; asked++) {
            int to = accept(listening, NULL, NULL);
            if (to >= 0) {
                serve_one(to, asked);
                close(to);
            }
        }
    }
    close(listening);
    *state = s;
    return 0;
}

static int stop_server(void **state)
{
    server *s = *state;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    free(s);
    return 0;
}

enum { PATIENT_MS = 60000, HASTY_MS = 500 };

static snag_registry *client(const server *s, int64_t timeout_ms)
{
    snag_registry *registry;
    snag_diag diag;
    assert_int_equal(snag_registry_new(&registry, snag_str_from(s->url), timeout_ms, &diag), SNAG_OK);
    return registry;
}

static void check_fetch(snag_registry *registry, uint32_t id, snag_err want, const char *words)
{
    snag_str schema = {0};
    snag_diag diag = {0};
    snag_err err = snag_registry_fetch(registry, id, &schema, &diag);
    if (err != want || !strstr(diag.text, words))
        fail_msg("id %u: %s \"%s\", want %s \"%s\"", id, snag_err_name(err), diag.text, snag_err_name(want),
                 words);
}

/* --- tests ------------------------------------------------------------------------------------- */

static void fetches(void **state)
{
    snag_registry *registry = client(*state, PATIENT_MS);
    snag_str schema = {0};
    assert_int_equal(snag_registry_fetch(registry, 1, &schema, NULL), SNAG_OK);
    assert_true(snag_str_equal(schema, SNAG_STR("{\"type\":\"int\"}")));
    check_fetch(registry, 99, SNAG_BAD_SCHEMA, "does not know schema id 99");
    check_fetch(registry, 2, SNAG_BAD_SCHEMA, "PROTOBUF");
    check_fetch(registry, 3, SNAG_BAD_SCHEMA, "cannot be read");
    check_fetch(registry, 8, SNAG_BAD_SCHEMA, "refers to others");
    snag_registry_free(registry);
}

/* Once fetched it is never asked for again; the first answer stays. */
static void remembers(void **state)
{
    snag_registry *registry = client(*state, PATIENT_MS);
    snag_str first = {0};
    snag_str second = {0};
    assert_int_equal(snag_registry_fetch(registry, 7, &first, NULL), SNAG_OK);
    assert_int_equal(snag_registry_fetch(registry, 7, &second, NULL), SNAG_OK);
    assert_ptr_equal(first.data, second.data);
    snag_registry_free(registry);
}

/* Not asked again at once: a machine that stood still for a quarter of a second has to try once more. */
static snag_registry *in_trouble(const server *s)
{
    snag_diag diag = {0};
    for (int tries = 0; tries < 20; tries++) {
        snag_registry *registry = client(s, PATIENT_MS);
        snag_str schema = {0};
        check_fetch(registry, 4, SNAG_AGAIN, "status 500");
        if (snag_registry_fetch(registry, 1, &schema, &diag) == SNAG_AGAIN && strstr(diag.text, "status 500"))
            return registry;
        snag_registry_free(registry);
    }
    fail_msg("a registry in trouble is asked again at once");
    return NULL;
}

static void trouble(void **state)
{
    server *s = *state;
    snag_registry *registry = in_trouble(s);
    struct timespec wait = {.tv_nsec = 300000000};
    nanosleep(&wait, NULL);
    check_fetch(registry, 1, SNAG_OK, "");
    check_fetch(registry, 6, SNAG_AGAIN, "too large");
    snag_registry_free(registry);
    registry = client(s, HASTY_MS);
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    check_fetch(registry, 5, SNAG_AGAIN, "does not answer");
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 30);
    snag_registry_free(registry);
}

static void nobody_there(void **state)
{
    (void)state;
    snag_registry *registry;
    snag_diag diag = {0};
    int64_t id;
    assert_int_equal(snag_registry_new(&registry, SNAG_STR("http://127.0.0.1:1"), 500, &diag), SNAG_OK);
    check_fetch(registry, 1, SNAG_AGAIN, "does not answer");
    assert_int_equal(snag_registry_register(registry, SNAG_STR("s"), SNAG_STR("x"), &id, &diag), SNAG_BROKER);
    snag_registry_free(registry);
    assert_int_equal(snag_registry_new(&registry, SNAG_STR("file:///etc/passwd"), 500, &diag), SNAG_CONFIG);
    assert_null(registry);
}

static void registers(void **state)
{
    snag_registry *registry = client(*state, PATIENT_MS);
    snag_diag diag = {0};
    int64_t id = -1;
    snag_str schema = SNAG_STR("{\"type\":\"int\"}");
    snag_err err = snag_registry_register(registry, SNAG_STR("shop.alerts-value/"), schema, &id, &diag);
    if (err)
        fail_msg("%s", diag.text);
    assert_int_equal(id, 42);
    assert_int_equal(snag_registry_register(registry, SNAG_STR("other"), schema, &id, &diag), SNAG_BROKER);
    assert_non_null(strstr(diag.text, "status 409"));
    snag_registry_free(registry);
}

/* Asks until the answer is another than AGAIN, as a parked partition does. */
static snag_err answer_of(snag_fetcher *fetcher, uint32_t id, snag_str *schema, snag_diag *diag)
{
    const struct timespec rest = {0, 2000000};
    snag_err err = SNAG_AGAIN;
    for (int tries = 0; tries < 30000 && err == SNAG_AGAIN; tries++) {
        err = snag_fetcher_ask(fetcher, id, schema, diag);
        nanosleep(&rest, NULL);
    }
    return err;
}

static void fetches_aside(void **state)
{
    snag_registry *registry = client(*state, PATIENT_MS);
    snag_fetcher *fetcher;
    snag_str schema = {0};
    snag_diag diag = {0};
    assert_int_equal(snag_fetcher_new(&fetcher, registry, PATIENT_MS, &diag), SNAG_OK);
    assert_int_equal(snag_fetcher_ask(fetcher, 1, &schema, &diag), SNAG_AGAIN);
    assert_int_equal(answer_of(fetcher, 1, &schema, &diag), SNAG_OK);
    assert_true(snag_str_equal(schema, SNAG_STR("{\"type\":\"int\"}")));
    assert_int_equal(snag_fetcher_ask(fetcher, 1, &schema, &diag), SNAG_OK);
    assert_int_equal(answer_of(fetcher, 99, &schema, &diag), SNAG_BAD_SCHEMA);
    assert_non_null(strstr(diag.text, "does not know schema id 99"));
    snag_fetcher_free(fetcher);
    assert_int_equal(snag_fetcher_new(&fetcher, registry, HASTY_MS, &diag), SNAG_OK);
    assert_int_equal(answer_of(fetcher, 4, &schema, &diag), SNAG_BAD_SCHEMA); /* trouble, given up */
    assert_non_null(strstr(diag.text, "status 500"));
    assert_int_equal(snag_fetcher_ask(fetcher, 4, &schema, &diag), SNAG_BAD_SCHEMA); /* for a while */
    snag_fetcher_free(fetcher);
    snag_registry_free(registry);
    snag_fetcher_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fetches, start_server, stop_server),
        cmocka_unit_test_setup_teardown(fetches_aside, start_server, stop_server),
        cmocka_unit_test_setup_teardown(remembers, start_server, stop_server),
        cmocka_unit_test_setup_teardown(trouble, start_server, stop_server),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test_setup_teardown(registers, start_server, stop_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
