/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/fake_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void must(int failed)
{
    if (failed)
        abort();
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* A line, or as many bytes as asked for; false: the client is gone, or the test is over. */
static bool take_bytes(fake_redis *f, int fd, char *to, size_t size, bool line)
{
    for (size_t i = 0; i < size; i++) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        while (poll(&one, 1, 10) == 0)
            if (atomic_load(&f->stop))
                return false;
        char c;
        if (read(fd, &c, 1) != 1)
            return false;
        to[i] = c;
        if (line && c == '\n') {
            to[i] = '\0';
            return true;
        }
    }
    return !line;
}

static bool take_command(fake_redis *f, int fd)
{
    char *text = f->text;
    if (!take_bytes(f, fd, text, sizeof f->text - 1, true) || text[0] != '*')
        return false;
    long count = strtol(text + 1, NULL, 10);
    unsigned index = atomic_load(&f->asked);
    for (long i = 0; i < count; i++) {
        if (!take_bytes(f, fd, text, sizeof f->text - 1, true))
            return false;
        size_t size = strtoul(text + 1, NULL, 10);
        if (size > sizeof f->text - 3 || !take_bytes(f, fd, text, size + 2, false))
            return false;
        text[size] = '\0';
        if (i == 0 && index < FAKE_ANSWERS)
            snprintf(f->seen[index], sizeof f->seen[0], "%.15s", text);
    }
    return true;
}

static void send_answer(const fake_redis *f, int fd, const char *answer)
{
    size_t size = strlen(answer);
    for (size_t i = 0; i < size && f->drip_ms && !atomic_load(&f->stop); i++) {
        if (send(fd, answer + i, 1, MSG_NOSIGNAL) != 1)
            return;
        sleep_ms(f->drip_ms);
    }
    if (!f->drip_ms && send(fd, answer, size, MSG_NOSIGNAL) != (ssize_t)size)
        return;
}

static void serve_one(fake_redis *f, int fd)
{
    while (!atomic_load(&f->stop) && take_command(f, fd)) {
        unsigned now = atomic_load(&f->asked);
        if (f->map && now < FAKE_ANSWERS && strcmp(f->seen[now], "CLUSTER") == 0) {
            send_answer(f, fd, f->map);
            continue;
        }
        unsigned index = atomic_fetch_add(&f->asked, 1);
        const char *answer = index < FAKE_ANSWERS ? f->answers[index] : NULL;
        if (answer)
            send_answer(f, fd, answer);
        if (f->hang_up && (index + 1 >= FAKE_ANSWERS || !f->answers[index + 1]))
            break;
    }
    close(fd);
    atomic_store(&f->closed, true);
}

static void *serve(void *self)
{
    fake_redis *f = self;
    while (!atomic_load(&f->stop)) {
        struct pollfd one = {.fd = f->listener, .events = POLLIN};
        if (poll(&one, 1, 10) <= 0)
            continue;
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0)
            continue;
        atomic_fetch_add(&f->connects, 1);
        serve_one(f, fd);
    }
    return NULL;
}

void fake_redis_closed(const fake_redis *f)
{
    while (!atomic_load(&f->closed))
        sleep_ms(1);
}

void fake_redis_listen(fake_redis *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(f->listener, (struct sockaddr *)&at, size));
    must(getsockname(f->listener, (struct sockaddr *)&at, &size));
    must(listen(f->listener, 8));
    f->port = ntohs(at.sin_port);
}

void fake_redis_start(fake_redis *f)
{
    must(pthread_create(&f->thread, NULL, serve, f));
}

void fake_redis_stop(fake_redis *f)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    close(f->listener);
}

const char *fake_redis_seen(const fake_redis *f, unsigned index)
{
    must(atomic_load(&f->asked) <= index);
    return f->seen[index];
}
