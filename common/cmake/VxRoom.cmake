# The whole dependency graph of the project. An edge that is not here cannot be built.
set(VX_MAY_USE_base         "")
set(VX_MAY_USE_linalg       "base")
set(VX_MAY_USE_config       "base")
set(VX_MAY_USE_tensor_file  "base")
set(VX_MAY_USE_transport    "base")
set(VX_MAY_USE_wire         "base")

set(VX_MAY_USE_data         "base;tensor_file")
set(VX_MAY_USE_likelihood   "base;linalg")
set(VX_MAY_USE_gradient     "base")
set(VX_MAY_USE_score        "base")
set(VX_MAY_USE_fault        "base")
set(VX_MAY_USE_task         "base;linalg;config;tensor_file;data;likelihood;gradient;fault;score")
set(VX_MAY_USE_tool         "base;config;tensor_file;data;likelihood;score;task")
set(VX_MAY_USE_session      "base")
set(VX_MAY_USE_bootstrap    "base")
set(VX_MAY_USE_agent        "base;config;transport;bootstrap")
set(VX_MAY_USE_worker_app   "base;linalg;config;transport;wire;likelihood;gradient;fault;task;tool;session;bootstrap")
set(VX_MAY_USE_group        "base;bootstrap;likelihood;task;worker_app")

set(VX_MAY_USE_roster       "base")
set(VX_MAY_USE_round        "base")
set(VX_MAY_USE_aggregate    "base;linalg")
set(VX_MAY_USE_library      "base;linalg;aggregate")
set(VX_MAY_USE_optimise     "base")
set(VX_MAY_USE_plan         "base;config;aggregate;optimise")
set(VX_MAY_USE_checkpoint   "base;tensor_file")
set(VX_MAY_USE_ledger       "base")
set(VX_MAY_USE_control      "base;roster")
set(VX_MAY_USE_server_app   "base;linalg;config;tensor_file;transport;wire;roster;round;aggregate;optimise;plan;checkpoint;control;ledger")
set(VX_MAY_USE_ctl          "base;linalg;config;tensor_file;transport;wire;aggregate;optimise;plan;checkpoint")

add_library(vx_warnings INTERFACE)
target_compile_options(vx_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion
  -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
  -Wformat=2 -Wcast-qual -Wwrite-strings -Wswitch-enum -Wdouble-promotion
  -fvisibility=hidden -ffp-contract=off)
target_compile_definitions(vx_warnings INTERFACE _GNU_SOURCE VX_VERSION="${PROJECT_VERSION}")

# Stops the configuration when ROOM names a room that its line above does not allow.
function(vx_check_edges ROOM)
  foreach(dep IN LISTS ARGN)
    if(NOT dep IN_LIST VX_MAY_USE_${ROOM})
      message(FATAL_ERROR "room '${ROOM}' may not use '${dep}' (see common/cmake/VxRoom.cmake)")
    endif()
  endforeach()
endfunction()

# vx_room(NAME aggregate SOURCES krum.c USES base linalg LINKS PkgConfig::openblas)
#
# One static library, vx_<name>, that exports include/vx_<name>/ and nothing else. vx_<name>_closed links the whole
# archive with the declared rooms only: a symbol from anywhere else does not resolve.
function(vx_room)
  cmake_parse_arguments(R "" "NAME" "SOURCES;USES;LINKS" ${ARGN})
  if(NOT DEFINED VX_MAY_USE_${R_NAME})
    message(FATAL_ERROR "room '${R_NAME}' has no line in common/cmake/VxRoom.cmake")
  endif()
  vx_check_edges(${R_NAME} ${R_USES})
  set(lib vx_${R_NAME})
  file(GLOB public CONFIGURE_DEPENDS include/${lib}/*.h)
  add_library(${lib} STATIC ${R_SOURCES})
  target_sources(${lib} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${public})
  list(TRANSFORM R_USES PREPEND vx_)
  target_link_libraries(${lib} PUBLIC ${R_USES} PRIVATE ${R_LINKS} vx_warnings)
  set_target_properties(${lib} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${lib}_closed.c CONTENT "int main(void) { return 0; }\n")
  add_executable(${lib}_closed ${CMAKE_CURRENT_BINARY_DIR}/${lib}_closed.c)
  target_link_libraries(${lib}_closed PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${lib}>")
  set_target_properties(${lib}_closed PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/closed)
endfunction()

# vx_program(NAME vexild ROOM server_app SOURCES main.c): an executable that links one app room.
function(vx_program)
  cmake_parse_arguments(P "" "NAME;ROOM" "SOURCES" ${ARGN})
  add_executable(${P_NAME} ${P_SOURCES})
  target_link_libraries(${P_NAME} PRIVATE vx_${P_ROOM} vx_warnings)
  install(TARGETS ${P_NAME} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
