#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the code reads: lengths, banned calls, heads, leftovers. Each fault names file, line and what to do.

Every check is tested first with a planted fault (CANARIES): a check that finds nothing in it fails the test.
"""
import os
import pathlib
import re
import subprocess
import sys

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
COLUMNS_MAX = 110
SPDX = "SPDX-License-Identifier: Apache-2.0"

C_FILES = (".c", ".h", ".cpp")
CODE_FILES = C_FILES + (".py", ".sh", ".cmake")
TOP = {"CMakeLists.txt", "src", "include", "schemas", "pipelines", "tests", "bench", "docker", "README.md",
       "LICENSE", "LICENSE.md", "CHANGELOG.md", "NOTICE"}

# call: what to use instead
BANNED = {
    "strcpy": "snag_buf_put (pointer and length)", "strncpy": "snag_buf_put", "stpcpy": "snag_buf_put",
    "strcat": "snag_buf_put", "strncat": "snag_buf_put",
    "sprintf": "snag_buf_printf or snprintf", "vsprintf": "vsnprintf",
    "strtok": "a loop over snag_str", "strtok_r": "a loop over snag_str",
    "atoi": "strtoll with its end checked", "atol": "strtoll with its end checked",
    "atoll": "strtoll with its end checked", "atof": "strtod with its end checked",
    "gets": "fgets or getline", "scanf": "a parser of our own", "sscanf": "a parser of our own",
    "alloca": "an arena", "rand": "a seed that is passed in", "srand": "a seed that is passed in",
    "random": "a seed that is passed in", "setjmp": "a returned snag_err", "longjmp": "a returned snag_err",
    "localtime": "base/time.h", "gmtime": "base/time.h", "mktime": "base/time.h",
    "tmpnam": "mkstemp", "mktemp": "mkstemp", "system": "posix_spawn", "popen": "posix_spawn",
}
BANNED_IN_SRC_ONLY = {"system", "popen"}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
# Places of one machine, and addresses that mean nothing elsewhere.
PLACE = re.compile(r"(?<![\w.$}])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me)/\w|\b\d{1,3}(?:\.\d{1,3}){3}\b(?!\.)|"
                   r"\b[\w-]+\.(?:inter" + r"nal|co" + r"rp|l" + r"an)\b")
PLACE_FINE = re.compile(r"127\.0\.0\.\d+|0\.0\.0\.0|255\.255\.255\.255|192\.0\.2\.\d+|198\.51\.100\.\d+|"
                        r"203\.0\.113\.\d+")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def without_words(text):
    """C text whose comments and literals are blanked out, so that only code is left; lines stay."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def functions(lines):
    """(first line, lines) of each body: braces in the first column, as the style has it."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start:
            yield start, number - start + 1
            start = None


def check_lines(name, lines):
    suffix = pathlib.PurePath(name).suffix
    for number, line in enumerate(lines, 1):
        if suffix in CODE_FILES and len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"
        if "\t" in line and suffix in CODE_FILES + (".yaml", ".yml", ".txt", ".avsc"):
            yield number, "a tab: use blanks"
        if line != line.rstrip() and suffix not in (".case", ".md"):
            yield number, "blanks at the end of the line"
        if LEFTOVER.search(line):
            yield number, "a leftover mark: do it, or write an issue"
        for place in PLACE.finditer(line):
            if not PLACE_FINE.fullmatch(place.group(0)):
                yield number, f"names a place of one machine: {place.group(0)}"


def check_head(name, text):
    suffix = pathlib.PurePath(name).suffix
    first = "\n".join(text.splitlines()[:3])
    if suffix in CODE_FILES and SPDX not in first:
        yield 1, f"the SPDX line is missing: {SPDX}"
    if suffix not in C_FILES:
        return
    head = re.match(r"/\*(.*?)\*/", text, flags=re.S)
    words = head.group(1).replace(SPDX, "") if head else ""
    if len(re.findall(r"\w+", words)) < 5:
        yield 1, "the file head is missing: what, why, invariants"


def check_c(name, text):
    lines = text.splitlines()
    code = without_words(text).splitlines()
    for start, length in functions(lines):
        if length > FUNCTION_LINES_MAX:
            yield start, f"a function of {length} lines, at most {FUNCTION_LINES_MAX}"
        for number in range(start, start + length - 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef)\b", lines[number - 1]):
                yield number, "a preprocessor condition inside a function: make it a file or a function"
    if len(lines) > FILE_LINES_MAX:
        yield len(lines), f"{len(lines)} lines, at most {FILE_LINES_MAX}"
    for number, line in enumerate(code, 1):
        for call in BANNED_CALL.finditer(line):
            if call.group(1) in BANNED_IN_SRC_ONLY and not name.startswith("src/"):
                continue
            yield number, f"{call.group(1)} is banned: use {BANNED[call.group(1)]}"
        jump = re.search(r"\bgoto\s+(\w+)", line)
        if jump and jump.group(1) != "out":
            yield number, f"goto {jump.group(1)}: there is one cleanup label, and it is called out"
        if re.match(r"\s*register\b|.*\bvolatile\b(?!.*sig_atomic_t)", line) and name.startswith("src/"):
            yield number, "register or volatile: use stdatomic.h where threads meet"


def check(name, text):
    """(line, fault) of one file."""
    faults = list(check_lines(name, text.splitlines()))
    if text and not text.endswith("\n"):
        faults.append((len(text.splitlines()), "the last line has no end"))
    if "\r" in text:
        faults.append((1, "carriage returns: lines end with a line feed"))
    # A file whose header tells the story need not tell it again; a unit test is named after its module.
    beside = name.startswith("tests/unit/test_") or (
        name.endswith((".c", ".cpp")) and (ROOT / name).with_suffix(".h").is_file())
    if not beside:
        faults += check_head(name, text)
    elif SPDX not in text[:200]:
        faults.append((1, "the SPDX line is missing"))
    if name.endswith(C_FILES):
        faults += check_c(name, text)
    return faults


HEAD = "/* SPDX-License-Identifier: Apache-2.0\n *\n * A planted file, to see that faults are found.\n */\n"
CANARIES = [
    ("long line", HEAD + "int " + "x" * 111 + ";\n", "columns, at most"),
    ("tab", HEAD + "int\tx;\n", "a tab"),
    ("trailing blank", HEAD + "int x; \n", "blanks at the end"),
    ("no SPDX", "/* This file tells a story but has no licence. */\nint x;\n", "SPDX"),
    ("no head", "/* SPDX-License-Identifier: Apache-2.0 */\nint x;\n", "file head"),
    ("61 lines", HEAD + "void f(void)\n{\n" + "    g();\n" * 59 + "}\n", "a function of 61"),
    ("501 lines", HEAD + "int x;\n" * 497, "501 lines, at most"),
    ("strcpy", HEAD + "void f(void)\n{\n    strcpy(a, b);\n}\n", "strcpy is banned: use snag_buf_put"),
    ("sprintf", HEAD + "void f(void)\n{\n    x = sprintf (a, b);\n}\n", "sprintf is banned"),
    ("atoi", HEAD + "int n = atoi(text);\n", "atoi is banned"),
    ("goto", HEAD + "void f(void)\n{\n    goto again;\n}\n", "goto again"),
    ("condition", HEAD + "void f(void)\n{\n#ifdef A\n    g();\n#endif\n}\n", "inside a function"),
    ("leftover", HEAD + "/* TO" + "DO */\n", "leftover"),
    ("path", HEAD + "static const char p[] = \"/ho" + "me/me/x\";\n", "a place of one machine"),
    ("address", HEAD + "static const char p[] = \"10.1" + ".2.3\";\n", "a place of one machine"),
    ("no end", HEAD + "int x;", "no end"),
    ("returns", HEAD + "int x;\r\n", "carriage returns"),
]
FINE = HEAD + """int f(const char *text)
{
    /* strcpy(a, b) is only spoken of; "atoi(x)" too */
    say("sprintf(x)", '"', "127.0.0.1:0");
    snag_strcpy(a, b);
    goto out;
out:
    return snprintf(0, 0, "%d", 1);
}
""" + "void g(void)\n{\n" + "    h();\n" * 58 + "}\n"


def canaries():
    for name, text, want in CANARIES:
        faults = [fault for _, fault in check("src/planted/planted.c", text)]
        if not any(want in fault for fault in faults):
            yield f"canary \"{name}\": \"{want}\" is not found: {faults}"
    for line, fault in check("src/planted/planted.c", FINE):
        yield f"canary \"fine\": line {line} is blamed: {fault}"


def tracked(root):
    """Files of the project: what git knows or would add; without git, all but build folders."""
    git = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"], text=True,
                         capture_output=True, check=False)
    if git.returncode == 0:
        return sorted(name for name in git.stdout.splitlines() if (root / name).is_file())
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if not re.match(r"(build|\.)", name))


def main():
    faults = list(canaries())
    names = tracked(ROOT)
    for name in names:
        if name.split("/")[0] not in TOP and not name.startswith("."):
            faults.append(f"{name}:1: does not belong at the top: {' '.join(sorted(TOP))}")
        if "/corpus/" in name:
            continue  # hostile bytes, on purpose
        try:
            text = (ROOT / name).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            if not name.endswith((".gz", ".png", ".avro", ".bin")):
                faults.append(f"{name}:1: is not UTF-8")
            continue
        faults += [f"{name}:{line}: {fault}" for line, fault in check(name, text)]
    for fault in faults:
        print(fault)
    print(f"{len(names)} files, {len(faults)} faults")
    return 1 if faults or not names else 0


ROOT = pathlib.Path(os.environ.get("SNAG_SOURCE", pathlib.Path(__file__).parents[2])).resolve()

if __name__ == "__main__":
    sys.exit(main())
