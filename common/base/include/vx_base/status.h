#ifndef VX_BASE_STATUS_H
#define VX_BASE_STATUS_H
#include <stdbool.h>
#include <stddef.h>

#define VX_MUST_CHECK __attribute__((warn_unused_result))

/* What a function that can fail returns. The list is X(name, exit code of a program that ends by
 * it, text). */
#define VX_STATUS_LIST(X)                                                                          \
    X(VX_OK, 0, "success")                                                                         \
    X(VX_AGAIN, 70, "no progress now") /* not an error: called back later */                       \
    X(VX_ERR_NOMEM, 71, "out of memory")                                                           \
    X(VX_ERR_LIMIT, 70, "a configured limit would be exceeded")                                    \
    X(VX_ERR_SHAPE, 65, "shapes do not fit together")       /* n, d or ld */                       \
    X(VX_ERR_DOMAIN, 78, "outside the mathematical domain") /* n < 2f + 3, step size <= 0 */       \
    X(VX_ERR_NONFINITE, 65, "infinity or NaN in data from outside")                                \
    X(VX_ERR_PROTOCOL, 76, "a peer broke the wire contract")                                       \
    X(VX_ERR_REFUSED, 77, "the peer refused us") /* token, version, config digest */               \
    X(VX_ERR_UNAVAILABLE, 69, "the peer cannot be reached")                                        \
    X(VX_ERR_USAGE, 2, "wrong use of a command")                                                   \
    X(VX_ERR_CONFIG, 78, "invalid job file")                                                       \
    X(VX_ERR_DATA, 65, "invalid data file")                                                        \
    X(VX_ERR_NOT_FOUND, 66, "no such file or object")                                              \
    X(VX_ERR_BUSY, 73, "in use by another process")                                                \
    X(VX_ERR_IO, 74, "input or output failed")                                                     \
    X(VX_ERR_SPACE, 74, "no space left on the device")                                             \
    X(VX_ERR_SYSTEM, 71, "the operating system refused")                                           \
    X(VX_ERR_INTERRUPTED, 75, "stopped before the end; can be resumed")

typedef enum vx_status {
#define VX_STATUS_NAME(name, exit_code, text) name,
    VX_STATUS_LIST(VX_STATUS_NAME)
#undef VX_STATUS_NAME
        VX_STATUS_MAX
} vx_status;

/* The details of a failure, for a person. Filled only on failure. */
typedef struct vx_error {
    vx_status code;
    const char *file; /* of our source */
    int line;
    char message[400]; /* one line, no line feed at its end */
} vx_error;

/* Fills *err if there is one, returns code: return vx_fail(err, VX_ERR_CONFIG, "quorum %u of %u",
 * q, n); */
#define vx_fail(err, code, ...) vx_fail_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)
vx_status vx_fail_at(vx_error *err, vx_status code, const char *file, int line, const char *format,
                     ...) __attribute__((format(printf, 5, 6)));

/* Puts "context: " before a message that is there already; code stays. Returns err->code. err is
 * not NULL here. */
vx_status vx_error_prefix(vx_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *vx_status_name(vx_status status); /* "VX_ERR_IO" */
const char *vx_status_text(vx_status status); /* "input or output failed" */
int vx_status_exit_code(vx_status status);    /* sysexits where they fit; see vexil(1) */
#endif
