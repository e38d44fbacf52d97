# SPDX-License-Identifier: Apache-2.0
# Writes a C file with the bytes of the schemas, so that the program carries them along:
#   cmake -DOUT=schemas.c -DFOLDER=schemas -P embed.cmake
file(WRITE ${OUT}.new "/* Made from schemas/ by embed.cmake. */\n#include \"codec/schemas.h\"\n")
foreach(name alert change decision event)
  file(READ ${FOLDER}/${name}.avsc hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes ${hex})
  string(REGEX REPLACE "(................................................................................)"
    "\\1\n" bytes ${bytes})
  file(APPEND ${OUT}.new "const unsigned char snag_schema_${name}[] = {\n${bytes}};\n"
    "const size_t snag_schema_${name}_bytes = sizeof snag_schema_${name};\n")
endforeach()
file(RENAME ${OUT}.new ${OUT})
