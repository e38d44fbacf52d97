#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The core knows no clock, no file, no memory but what it is given, and keeps nothing between calls.
#
# Looks at what the core's archives call (nm -u) against a short list, and at the sections of their
# objects: anything writable (.data, .bss and their kin) is a global. Only base/assert.c may speak and stop.
# The test checks itself first: objects with a planted malloc, clock, printf and global must be refused.
set -euo pipefail

build=${SNAG_BUILD:-build}
rooms=(base event expr journey rules engine)

# Memory and strings of the caller, numbers to text and back, arithmetic.
allowed='memcpy memmove memset memcmp memchr memrchr bcmp strlen strchr strcmp strncmp
    snprintf vsnprintf strtod
    floor ceil trunc round fabs fmod log log2 exp exp2 pow sqrt ldexp frexp modf nearbyint rint llrint
    __stack_chk_fail _GLOBAL_OFFSET_TABLE_ __popcountdi2 __udivti3 __umodti3 __divti3 __modti3 __muloti4'
# In base/assert.c only. gcc turns a plain fprintf into fwrite.
allowed_in_assert='fprintf fwrite abort stderr'

# calls ARCHIVE…: "object symbol", one a line; what the archives define themselves is left out.
calls() {
    { nm -A --defined-only "$@" | awk '{ print "def", $NF }'
      nm -A -u "$@" | awk '{ split($1, part, ":"); print "use", $NF, part[length(part) - 1] }'; } |
        awk '$1 == "def" { defined[$2] = 1 } $1 == "use" { used[$2 " " $3] = 1 }
             END { for (u in used) { split(u, p, " "); if (!(p[1] in defined)) print p[2], p[1] } }' | sort
}

# impure ARCHIVE…: one line for each fault.
impure() {
    local object symbol
    calls "$@" | while read -r object symbol; do
        case " $(echo $allowed) " in *" $symbol "*) continue ;; esac
        # While a room has no file yet, what others call in it stays open.
        case "$whole $symbol" in no\ snag_*) continue ;; esac
        case "$object" in assert.c.o) case " $allowed_in_assert " in *" $symbol "*) continue ;; esac ;; esac
        echo "$object calls $symbol"
    done
    size -A "$@" | awk '/\.o +\(ex|\.o *:/ { object = $1 }
        $1 ~ /^\.(data|bss|tdata|tbss)(\..*)?$/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 {
            print object, "has a global (" $2 " bytes in " $1 ")" }
        $1 == "COMMON" && $2 > 0 { print object, "has a global (COMMON)" }'
}

if grep -q '^SNAG_SANITIZE:STRING=..*' "$build/CMakeCache.txt"; then
    echo "a build with sanitizers calls their runtime: the plain build is the one that is checked"
    exit 0
fi

whole=yes # the core is all there, so that none of its own names may stay open
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# canary WANT CODE
canary() {
    printf '%s\n' "$2" >"$work/planted.c"
    "${CC:-cc}" -O2 -c "$work/planted.c" -o "$work/planted.c.o"
    rm -f "$work/libplanted.a"
    ar rcs "$work/libplanted.a" "$work/planted.c.o"
    if ! impure "$work/libplanted.a" | grep -q "$1"; then
        echo "canary: not found: $2"
        failed=1
    fi
}
canary 'calls malloc' '#include <stdlib.h>
void *f(void); void *f(void) { return malloc(8); }'
canary 'calls clock_gettime' '#include <time.h>
int f(struct timespec *t); int f(struct timespec *t) { return clock_gettime(CLOCK_MONOTONIC, t); }'
canary 'calls printf' '#include <stdio.h>
void f(int i); void f(int i) { printf("%d", i); }'
canary 'has a global' 'int f(void); int f(void) { static int n; return n++; }'
canary 'has a global' 'int *f(void); static int n = 3; int *f(void) { return &n; }'
canary 'calls snag_elsewhere' 'void snag_elsewhere(void); void f(void); void f(void) { snag_elsewhere(); }'

archives=()
for room in "${rooms[@]}"; do
    if [ -f "$build/libsnag_$room.a" ]; then
        archives+=("$build/libsnag_$room.a")
    elif compgen -G "${SNAG_SOURCE:-.}/src/$room/*.c" >/dev/null; then
        echo "libsnag_$room.a is not built"
        failed=1
    fi
done
[ ${#archives[@]} = ${#rooms[@]} ] || whole=no
faults=$(impure "${archives[@]}")
if [ -n "$faults" ]; then
    echo "$faults"
    failed=1
fi
outside=$(calls "${archives[@]}" | awk '{ print $2 }' | sort -u | wc -l)
echo "${#archives[@]} archives, $outside outside calls"
exit "$failed"
