#ifndef VX_TEST_CHECK_H
#define VX_TEST_CHECK_H
/* Include this instead of <cmocka.h>: it brings the headers that cmocka needs before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vx_base/status.h>

/* |actual - expected| <= atol + rtol |expected|; fails on NaN first (cmocka's own compares in
 * float). */
#define vx_assert_close(actual, expected, rtol, atol)                                              \
    vx_test_close((actual), (expected), (rtol), (atol), #actual, __FILE__, __LINE__)
void vx_test_close(double actual, double expected, double rtol, double atol, const char *text,
                   const char *file, int line);

/* Passes on VX_OK, else prints the status and the message of err (may be NULL). */
#define vx_assert_ok(call, err) vx_test_status((call), VX_OK, (err), #call, __FILE__, __LINE__)
#define vx_assert_status(call, expected, err)                                                      \
    vx_test_status((call), (expected), (err), #call, __FILE__, __LINE__)
void vx_test_status(vx_status actual, vx_status expected, const vx_error *err, const char *text,
                    const char *file, int line);

/* Expects every text (up to NULL) in the message. */
void vx_test_says(const vx_error *err, ...);
void vx_test_says_all(const vx_error *err, va_list texts);

/* For the k-th allocation loop: int left = k; vx_alloc_set_hook(vx_test_fail_at_zero, &left). */
bool vx_test_fail_at_zero(void *left);

/* The folder of expected values that are not part of the tree, or NULL (then print why and skip()).
 */
const char *vx_test_shared_oracle(void);

/* A new empty folder under $TMPDIR or /tmp, removed with its content by vx_test_folder_remove. The
 * caller frees. */
char *vx_test_folder_create(void);
void vx_test_folder_remove(char *folder); /* frees it too */
/* Set-up and teardown of a test whose *state is such a folder. */
int vx_test_folder_setup(void **state);
int vx_test_folder_teardown(void **state);
size_t vx_test_folder_entries(const char *folder); /* hidden ones count too */

/* Makes the file of these bytes, anew when it is there. */
void vx_test_file_put(const char *path, const void *at, size_t size);
#endif
