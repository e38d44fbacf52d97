# SPDX-License-Identifier: Apache-2.0
"""The words on the command line."""
import argparse


def options_read(words):
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=words, formatter_class=shape)
    add = parser.add_argument
    add("--seed", type=int, default=1, help="of the schedule, and of everything else that is random")
    add("--minutes", type=float, default=0, help="rounds until then; 0 = one")
    add("--faults", type=int, default=40, help="in a round")
    add("--seconds", type=float, default=160, help="over which a round spreads input and faults")
    add("--records", type=int, default=10**9, help="of the calls, at most")
    add("--brokers", type=int, default=3)
    add("--partitions", type=int, default=6)
    add("--redis", choices=("single", "cluster"), default="single")
    add("--out-of-order", default="0s,30s", help="one of these is the pipeline's")
    add("--only", default="", help="only these kinds of faults, with commas")
    add("--list", action="store_true", help="prints the kinds of faults")
    for name in ("kafka-more", "snag", "build", "source", "calls", "kafka-lib", "logs"):
        add(f"--{name}", default="", help=argparse.SUPPRESS)
    return parser.parse_args()
