#ifndef VX_BASE_FILE_H
#define VX_BASE_FILE_H
#include <stddef.h>
#include <sys/types.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/* Reads a whole file of at most size_max bytes into new memory with a zero after it (not counted).
 * The caller frees. VX_ERR_NOT_FOUND, VX_ERR_LIMIT, VX_ERR_IO, VX_ERR_NOMEM; the message names the
 * path. */
VX_MUST_CHECK vx_status vx_file_read(const char *path, size_t size_max, vx_bytes *ret_content,
                                     vx_error *err);

/* Replaces path by content so that a reader sees the old file or the new one: temp file beside it,
 * fsync, rename, fsync of the folder. mode e.g. 0644, whatever the umask. On failure the old file
 * stands and no temp file is left; only when the last fsync fails does the new one stand, perhaps
 * not durable. A crash can leave path.tmp.XXXXXX. */
VX_MUST_CHECK vx_status vx_file_replace(const char *path, vx_cbytes content, mode_t mode,
                                        vx_error *err);

/* Writes all bytes; EINTR and short writes are handled. The caller closes fd. */
VX_MUST_CHECK vx_status vx_file_write_all(int fd, vx_cbytes content, const char *path_for_message,
                                          vx_error *err);
VX_MUST_CHECK vx_status vx_file_sync_folder(const char *folder, vx_error *err);

/* mkdir -p. */
VX_MUST_CHECK vx_status vx_file_make_folder(const char *path, vx_error *err);

/* Takes the lock file path (created when missing) for this process, until the process ends or the
 * fd is closed. A child that forks without exec holds it too. VX_ERR_BUSY names the pid that holds
 * it. Writes our pid into it. */
VX_MUST_CHECK vx_status vx_file_lock(const char *path, int *ret_fd, vx_error *err);

/* "folder/name" in new memory; name alone when it is absolute. NULL when memory is out. */
char *vx_path_join(const char *folder, const char *name);
/* The folder part in new memory: "." when there is none. */
char *vx_path_folder(const char *path);
#endif
