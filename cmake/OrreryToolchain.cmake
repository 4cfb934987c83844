# How every target of this project is compiled and linked.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(orrery_cxx_options
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    # A fused multiply-add rounds once where two operations round twice. Whether the compiler fuses
    # depends on the optimisation level; a result must not.
    -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in "a" + std::string where there is none (GCC bug 105651).
  list(APPEND orrery_cxx_options -Wno-restrict)
endif()
if(ORRERY_WERROR)
  list(APPEND orrery_cxx_options -Werror)
endif()

if(NOT ORRERY_SANITIZE STREQUAL "")
  set(sanitizers "address,undefined" "thread")
  if(NOT ORRERY_SANITIZE IN_LIST sanitizers)
    message(FATAL_ERROR "ORRERY_SANITIZE: expected \"\", \"address,undefined\" or \"thread\", "
                        "got \"${ORRERY_SANITIZE}\"")
  endif()
  list(APPEND orrery_cxx_options -fsanitize=${ORRERY_SANITIZE} -fno-sanitize-recover=all
       -fno-omit-frame-pointer)
  add_link_options("$<$<LINK_LANGUAGE:CXX>:-fsanitize=${ORRERY_SANITIZE}>")
endif()

# Programs are optimised as a whole: the engine's calls are small and cross from file to file. Objects
# hold ordinary code too, for the tests, which are many and would link slowly (see orrery_test).
if(ORRERY_LTO)
  list(APPEND orrery_cxx_options -flto=auto -ffat-lto-objects)
  add_link_options("$<$<LINK_LANGUAGE:CXX>:-flto=auto>")
endif()

# Only C++: nvcc, when kernels/ is built, takes its own.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${orrery_cxx_options}>")

find_program(ORRERY_CCACHE ccache)
if(ORRERY_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ORRERY_CCACHE}")
endif()

find_program(ORRERY_MOLD mold)
if(ORRERY_MOLD)
  include(CheckLinkerFlag)
  check_linker_flag(CXX -fuse-ld=mold ORRERY_MOLD_LINKS)
  if(ORRERY_MOLD_LINKS)
    add_link_options("$<$<LINK_LANGUAGE:CXX>:-fuse-ld=mold>")
  endif()
endif()

# orrery_note(found|left_out TEXT): one item of the closing summary.
function(orrery_note list text)
  set_property(GLOBAL APPEND PROPERTY ORRERY_NOTE_${list} "${text}")
endfunction()

function(orrery_summary)
  orrery_note(found "Boost ${Boost_VERSION}")
  orrery_note(found "nlohmann_json ${nlohmann_json_VERSION}")
  foreach(tool IN ITEMS ccache mold)
    string(TOUPPER ${tool} upper)
    if(ORRERY_${upper})
      orrery_note(found ${tool})
    else()
      orrery_note(left_out "${tool} (not installed)")
    endif()
  endforeach()
  if(ORRERY_MOLD AND NOT ORRERY_MOLD_LINKS)
    orrery_note(left_out "linking with mold (this compiler does not take -fuse-ld=mold)")
  endif()

  set(sanitizers "${ORRERY_SANITIZE}")
  if(sanitizers STREQUAL "")
    set(sanitizers "none")
  endif()
  foreach(list IN ITEMS found left_out)
    get_property(notes GLOBAL PROPERTY ORRERY_NOTE_${list})
    list(SORT notes COMPARE NATURAL CASE INSENSITIVE)
    list(JOIN notes ", " ${list})
    if(${list} STREQUAL "")
      set(${list} "nothing")
    endif()
  endforeach()
  message(STATUS "orrery ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, "
                 "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, "
                 "sanitizers: ${sanitizers}.\n"
                 "   Found: ${found}.\n"
                 "   Left out: ${left_out}.")
endfunction()
