#ifndef VX_BASE_FILE_H
#define VX_BASE_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <vx_base/files.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/* All of this goes through vx_files_current(); a handle is one of that table. */

/* The status of an operation that returned -errno: VX_ERR_NOT_FOUND (no such file or folder),
 * VX_ERR_SPACE (disk or quota full), VX_ERR_SYSTEM (no file descriptor is left), else VX_ERR_IO.
 * "cannot WHAT PATH: why". */
vx_status vx_file_fail(vx_error *err, ssize_t result, const char *what, const char *path);

/* Reads a whole file of at most size_max bytes into new memory with a zero after it (not counted).
 * The caller frees. VX_ERR_NOT_FOUND, VX_ERR_LIMIT, VX_ERR_IO, VX_ERR_NOMEM; the message names the
 * path. */
VX_MUST_CHECK vx_status vx_file_read(const char *path, size_t size_max, vx_bytes *ret_content,
                                     vx_error *err);

/* Maps a regular file of at least `least` > 0 bytes for reading; vx_file_unmap ends it and takes
 * { NULL }. VX_ERR_DATA: it is none, or shorter; VX_ERR_NOT_FOUND; VX_ERR_IO. All name the path. */
VX_MUST_CHECK vx_status vx_file_map(const char *path, size_t least, vx_cbytes *ret_bytes,
                                    vx_error *err);
/* The same of an open file, which the map outlives; path is for messages. */
VX_MUST_CHECK vx_status vx_file_map_handle(int handle, const char *path, size_t least,
                                           vx_cbytes *ret_bytes, vx_error *err);
void vx_file_unmap(vx_cbytes bytes);

/* Replaces path by content so that a reader sees the old file or the new one: temp file beside it,
 * fsync, rename, fsync of the folder. mode e.g. 0644, whatever the umask. On failure the old file
 * stands and no temp file is left; only when the last fsync fails does the new one stand, perhaps
 * not durable. A crash can leave path.tmp.N. What is there and is no regular file (a folder, a
 * device) is refused. VX_ERR_SPACE, VX_ERR_IO, VX_ERR_NOT_FOUND. */
VX_MUST_CHECK vx_status vx_file_replace(const char *path, vx_cbytes content, mode_t mode,
                                        vx_error *err);
/* The same, of a content in pieces. */
VX_MUST_CHECK vx_status vx_file_replace_pieces(const char *path, const vx_cbytes *pieces,
                                               size_t count, mode_t mode, vx_error *err);

/*
 * The same in steps, for files that change together: stage each, then publish each. Staged:
 * complete and durable in a temp file beside path, which stands as it was. Publish, once: the
 * rename and the fsync of the folder; on failure of the rename the old file stands. Unstage takes
 * NULL, returns NULL, frees, and removes a temp file that was not published.
 */
typedef struct vx_staged vx_staged;
VX_MUST_CHECK vx_status vx_file_stage(const char *path, const vx_cbytes *pieces, size_t count,
                                      mode_t mode, vx_staged **ret_staged, vx_error *err);
VX_MUST_CHECK vx_status vx_file_publish(vx_staged *staged, vx_error *err);
vx_staged *vx_file_unstage(vx_staged *staged);

/* Writes all bytes; short writes are handled. The caller closes the handle. */
VX_MUST_CHECK vx_status vx_file_write_all(int handle, vx_cbytes content,
                                          const char *path_for_message, vx_error *err);
VX_MUST_CHECK vx_status vx_file_sync_folder(const char *folder, vx_error *err);
void vx_file_close(int handle); /* takes -1 */

/* mkdir -p; what it makes or finds is durable, as far as we may open the folder above. */
VX_MUST_CHECK vx_status vx_file_make_folder(const char *path, vx_error *err);

bool vx_file_exists(const char *path);

/* Bytes that we may still put into the file system that a folder of this machine is in, whatever
 * vx_files says. False: there is no such folder. */
bool vx_file_room(const char *folder, uint64_t *ret_bytes);
#define VX_FILE_MEMORY "/dev/shm" /* the folder whose files are memory that processes share */

/* The names in a folder, sorted by their bytes. vx_names_clear frees them. */
typedef struct vx_names {
    char **at; /* owned */
    size_t count;
} vx_names;
VX_MUST_CHECK vx_status vx_file_list(const char *folder, vx_names *ret_names, vx_error *err);
void vx_names_clear(vx_names *names);

/* Takes the lock file path (created when missing) for this process, until the process ends or the
 * handle is closed. A child that forks without exec holds it too. VX_ERR_BUSY names the pid that
 * holds it. Writes our pid into it. */
VX_MUST_CHECK vx_status vx_file_lock(const char *path, int *ret_handle, vx_error *err);

/* "folder/name" in new memory; name alone when it is absolute. NULL when memory is out. */
char *vx_path_join(const char *folder, const char *name);
/* The folder part in new memory: "." when there is none. */
char *vx_path_folder(const char *path);
const char *vx_path_name(const char *path); /* what follows the last slash */
#endif
