# CVXNN_LEVELS: the instruction-set levels to build. Each level is a static library of its own and
# must not meet another one in a binary: the linker would hand AVX-512 copies of shared templates
# to the baseline.

# One architecture, x86-64, and a compiler that knows -march=x86-64-v3.
set(levels_available generic)
if(CMAKE_OSX_ARCHITECTURES)
  set(architecture "${CMAKE_OSX_ARCHITECTURES}")
else()
  set(architecture "${CMAKE_SYSTEM_PROCESSOR}")
endif()
if(
  architecture MATCHES "^(x86_64|AMD64|amd64)$"
  AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang"
  AND NOT MSVC
)
  set(levels_available x86-64 x86-64-v3 x86-64-v4)
endif()
list(GET levels_available 0 baseline)

if(CVXNN_BUILD_PYTHON)
  set(levels_default "${levels_available}")
else()
  set(levels_default "${baseline}")
endif()
set(
  CVXNN_LEVELS
  "${levels_default}"
  CACHE STRING
  "Levels to build: a list of x86-64, x86-64-v3, x86-64-v4, or native for the best one of this machine"
)

# Sets OUT to the best level that the machine running CMake supports.
function(cvxnn_native_level OUT)
  set(${OUT} ${baseline} PARENT_SCOPE)
  if(CMAKE_CROSSCOMPILING OR baseline STREQUAL "generic")
    return()
  endif()
  try_run(
    status
    compiled
    SOURCE_FROM_CONTENT
      level.cpp
      "#include <cstdio>\n#include \"${PROJECT_SOURCE_DIR}/python/bindings/cpu_level.hpp\"\nint main() { std::puts(cvxnn::cpu_level()); }\n"
    RUN_OUTPUT_VARIABLE level
    NO_CACHE
  )
  string(STRIP "${level}" level)
  if(compiled AND level IN_LIST levels_available)
    set(${OUT} ${level} PARENT_SCOPE)
  endif()
endfunction()

# Sets OUT to the suffix of the names of a level: "" for the baseline, "_v3", "_v4".
function(cvxnn_level_suffix LEVEL OUT)
  string(REGEX REPLACE "^(generic|x86-64)" "" suffix "${LEVEL}")
  string(REPLACE "-" "_" suffix "${suffix}")
  set(${OUT} "${suffix}" PARENT_SCOPE)
endfunction()

set(levels "")
foreach(level IN LISTS CVXNN_LEVELS)
  if(level STREQUAL "native")
    cvxnn_native_level(level)
  elseif(baseline STREQUAL "generic")
    set(level generic) # elsewhere than on x86-64 there is one level, whatever was asked for
  elseif(NOT level IN_LIST levels_available)
    message(
      FATAL_ERROR
      "CVXNN_LEVELS: unknown level \"${level}\", expected native or some of ${levels_available}"
    )
  endif()
  list(APPEND levels ${level})
endforeach()
list(REMOVE_DUPLICATES levels)
list(SORT levels) # the lowest level first: it is the one exported as cvxnn::core
message(STATUS "cvxnn: instruction-set levels ${levels}")
