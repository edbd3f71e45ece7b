#include <vx_test/check.h>

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void vx_test_close(double actual, double expected, double rtol, double atol, const char *text,
                   const char *file, int line)
{
    double bound = atol + rtol * fabs(expected);

    if (isfinite(actual) && fabs(actual - expected) <= bound)
        return;
    print_error("%s = %.17g, expected %.17g within %.3g\n", text, actual, expected, bound);
    _fail(file, line);
}

void vx_test_status(vx_status actual, vx_status expected, const vx_error *err, const char *text,
                    const char *file, int line)
{
    if (actual == expected)
        return;
    print_error("%s is %s, expected %s%s%s\n", text, vx_status_name(actual),
                vx_status_name(expected), err != NULL && actual != VX_OK ? ": " : "",
                err != NULL && actual != VX_OK ? err->message : "");
    _fail(file, line);
}

void vx_test_says_all(const vx_error *err, va_list texts)
{
    for (const char *text = va_arg(texts, const char *); text != NULL;
         text = va_arg(texts, const char *))
        if (strstr(err->message, text) == NULL)
            fail_msg("'%s' is not in: %s", text, err->message);
}

void vx_test_says(const vx_error *err, ...)
{
    va_list texts;

    va_start(texts, err);
    vx_test_says_all(err, texts);
    va_end(texts);
}

bool vx_test_fail_at_zero(void *left)
{
    int *count = left;

    return (*count)-- == 0;
}

const char *vx_test_shared_oracle(void)
{
    const char *folder = getenv("VX_SHARED_ORACLE");

    return folder != NULL && access(folder, R_OK) == 0 ? folder : NULL;
}

char *vx_test_folder_create(void)
{
    const char *base = getenv("TMPDIR");
    char *folder = NULL;

    if (base == NULL)
        base = "/tmp";
    assert_true(asprintf(&folder, "%s/vexil-test-XXXXXX", base) > 0);
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

void vx_test_folder_remove(char *folder)
{
    assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(folder);
}

int vx_test_folder_setup(void **state)
{
    *state = vx_test_folder_create();
    return 0;
}

int vx_test_folder_teardown(void **state)
{
    vx_test_folder_remove(*state);
    return 0;
}

size_t vx_test_folder_entries(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2; /* "." and ".." */
}

void vx_test_file_put(const char *path, const void *at, size_t size)
{
    FILE *file = NULL;

    (void)remove(path); /* ext4 flushes a file that was cut and written again when it is closed */
    file = fopen(path, "wbe");
    assert_non_null(file);
    if (size > 0)
        assert_int_equal(fwrite(at, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}
