# The third-party libraries, each found once. A room names those that it links (LINKS); see ARCHITECTURE.md for
# which room owns which library.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
# libcsv has neither a CMake nor a pkg-config file.
find_path(VX_CSV_INCLUDE csv.h REQUIRED)
find_library(VX_CSV_LIBRARY csv REQUIRED)
add_library(csv::csv UNKNOWN IMPORTED)
set_target_properties(csv::csv PROPERTIES IMPORTED_LOCATION ${VX_CSV_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${VX_CSV_INCLUDE})
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(protobuf_c REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
pkg_check_modules(lapacke REQUIRED IMPORTED_TARGET lapacke)
pkg_check_modules(cyaml REQUIRED IMPORTED_TARGET libcyaml)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(hwloc REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(mpi REQUIRED IMPORTED_TARGET ompi-c)
pkg_check_modules(mpich IMPORTED_TARGET mpich) # beside it, when it is there
if(VX_TESTS)
  pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
endif()
