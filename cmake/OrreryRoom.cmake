# orrery_room(NAME SOURCES file... [PUBLIC library...] [PRIVATE library...])
#
# The library of one room, a static one. PUBLIC libraries are the rooms it may see, and whoever links
# it sees them too; PRIVATE ones are used in its sources and appear in none of its headers. A room
# without sources yet is an interface library, so that the rooms above it can already link it.
function(orrery_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "orrery_room(${name}): unexpected \"${arg_UNPARSED_ARGUMENTS}\"")
  endif()

  if(NOT arg_SOURCES)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} INTERFACE ${arg_PUBLIC})
    orrery_note(left_out "${name} (no sources yet)")
    return()
  endif()

  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()
