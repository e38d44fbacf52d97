# SPDX-License-Identifier: Apache-2.0
# Writes a C file with the text of all presets, so that the program carries them along:
#   cmake -DOUT=presets.c -DFOLDER=pipelines/presets -P embed.cmake
file(GLOB presets ${FOLDER}/*.yaml)
list(SORT presets)
file(WRITE ${OUT}.new "/* Made from pipelines/presets/ by embed.cmake. */\n#include \"config/preset.h\"\n")
file(APPEND ${OUT}.new "const unsigned char snag_presets[] = {\n")
foreach(preset ${presets})
  file(READ ${preset} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes ${hex})
  string(REGEX REPLACE "(................................................................................)"
    "\\1\n" bytes ${bytes})
  file(APPEND ${OUT}.new "${bytes}\n")
endforeach()
file(APPEND ${OUT}.new "};\nconst size_t snag_presets_bytes = sizeof snag_presets;\n")
file(RENAME ${OUT}.new ${OUT})
