#ifndef VX_TEST_FAULTY_H
#define VX_TEST_FAULTY_H
#include <stddef.h>

#include <vx_base/status.h>

/*
 * Points at which a running server can be made to fail: each operation on a file, through the table
 * of vx_base/files.h or by SQLite, and each allocation, through vx_base/alloc.h or by jansson. They
 * are counted a kind. The environment says what happens:
 *
 *   VX_FAULTY=KIND:NUMBER:HOW[:TIMES]  from operation NUMBER (1 is the first) on, TIMES (default 1,
 *                                      0 = all that follow) of this kind fail. HOW is an error as
 *                                      EIO, or short (half of a read or write), torn (half of a
 *                                      write, then SIGKILL), kill (SIGKILL instead).
 *   VX_FAULTY_PATH=PATTERN             only operations on paths that end so are counted: fnmatch(3)
 * of as many parts as it has VX_FAULTY_LOG=FILE                 gets a line an operation, and one
 * for each fault
 */
#define FAULTY_KINDS(X)                                                                            \
    X(FAULTY_FILE_OPEN, "file.open")                                                               \
    X(FAULTY_FILE_CLOSE, "file.close")                                                             \
    X(FAULTY_FILE_READ, "file.read")                                                               \
    X(FAULTY_FILE_WRITE, "file.write")                                                             \
    X(FAULTY_FILE_TRUNCATE, "file.truncate")                                                       \
    X(FAULTY_FILE_SYNC, "file.sync")                                                               \
    X(FAULTY_FILE_SET_MODE, "file.set_mode")                                                       \
    X(FAULTY_FILE_LOCK, "file.lock")                                                               \
    X(FAULTY_FILE_INFO, "file.info")                                                               \
    X(FAULTY_FILE_RENAME, "file.rename")                                                           \
    X(FAULTY_FILE_EXCHANGE, "file.exchange")                                                       \
    X(FAULTY_FILE_REMOVE, "file.remove")                                                           \
    X(FAULTY_FILE_MAKE_FOLDER, "file.make_folder")                                                 \
    X(FAULTY_FILE_REMOVE_FOLDER, "file.remove_folder")                                             \
    X(FAULTY_FILE_LIST, "file.list")                                                               \
    X(FAULTY_FILE_MAP, "file.map")                                                                 \
    X(FAULTY_LEDGER_OPEN, "ledger.open")                                                           \
    X(FAULTY_LEDGER_READ, "ledger.read")                                                           \
    X(FAULTY_LEDGER_WRITE, "ledger.write")                                                         \
    X(FAULTY_LEDGER_TRUNCATE, "ledger.truncate")                                                   \
    X(FAULTY_LEDGER_SYNC, "ledger.sync")                                                           \
    X(FAULTY_LEDGER_REMOVE, "ledger.remove")                                                       \
    X(FAULTY_MEMORY, "memory")                                                                     \
    X(FAULTY_JSON, "json")

typedef enum faulty_kind {
#define FAULTY_NAME(name, text) name,
    FAULTY_KINDS(FAULTY_NAME)
#undef FAULTY_NAME
        FAULTY_KIND_MAX
} faulty_kind;

/* Beside the errors of the system. */
enum { FAULTY_SHORT = 10000, FAULTY_TORN };

/* Reads the environment. VX_ERR_USAGE; VX_ERR_IO: the log. Before there is any thread. */
VX_MUST_CHECK vx_status faulty_begin(vx_error *err);

/* One operation. 0: it is to be done; else an error of the system, or one of the above. Does not
 * return when the process is to die instead. Thread safe. */
int faulty_point(faulty_kind kind, const char *path);
_Noreturn void faulty_die(void);

/* Which path a descriptor is of, for what is said of it; "" when it is not known. */
void faulty_path_keep(int handle, const char *path);
const char *faulty_path(int handle);

void faulty_files_install(void);  /* the files of the machine */
void faulty_ledger_install(void); /* the system calls of SQLite */
void faulty_memory_install(void); /* both heaps */
#endif
