/* SPDX-License-Identifier: Apache-2.0
 *
 * A port for a server of a test's own, below those that the system gives to outgoing connections: whoever
 * dials a dead server there would some day be given its port, talk to himself, and keep it from coming back.
 */
#ifndef SNAG_TESTS_FREE_PORT_H
#define SNAG_TESTS_FREE_PORT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int free_port(void)
{
    for (int i = 0; i < 200; i++) {
        int port = 10000 + (int)(((unsigned)getpid() * 31u + (unsigned)i * 97u) % 22000u);
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int taken = bind(fd, (struct sockaddr *)&at, sizeof at);
        close(fd);
        if (taken == 0)
            return port;
    }
    abort();
}

#endif
