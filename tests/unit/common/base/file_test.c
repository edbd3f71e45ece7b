#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_test/check.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static vx_cbytes bytes_of(const char *text)
{
    return (vx_cbytes){ (const uint8_t *)text, strlen(text) };
}

static void assert_content(const char *path, const char *expected)
{
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_file_read(path, 1 << 20, &content, &err), &err);
    assert_int_equal(content.size, strlen(expected));
    assert_string_equal((char *)content.at, expected); /* a zero follows */
    vx_free(content.at);
}

static void reading_a_missing_file_names_it(void **state)
{
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };
    char *path = vx_path_join(*state, "missing");

    vx_assert_status(vx_file_read(path, 100, &content, &err), VX_ERR_NOT_FOUND, &err);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "No such file"));
    assert_null(content.at);
    vx_free(path);
}

static void reading_a_folder_fails(void **state)
{
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };

    vx_assert_status(vx_file_read(*state, 1 << 20, &content, &err), VX_ERR_IO, &err);
    assert_null(content.at);
}

static void a_file_of_the_largest_size_is_read_and_one_byte_more_is_not(void **state)
{
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };
    char *path = vx_path_join(*state, "file");

    vx_assert_ok(vx_file_replace(path, bytes_of("12345"), 0644, &err), &err);
    vx_assert_status(vx_file_read(path, 4, &content, &err), VX_ERR_LIMIT, &err);
    assert_non_null(strstr(err.message, path));
    vx_assert_status(vx_file_read(path, 0, &content, &err), VX_ERR_LIMIT, &err);
    assert_null(content.at);
    vx_assert_ok(vx_file_read(path, 5, &content, &err), &err);
    assert_int_equal(content.size, 5);
    assert_string_equal((char *)content.at, "12345");
    vx_free(content.at);
    vx_assert_ok(vx_file_replace(path, bytes_of(""), 0644, &err), &err);
    vx_assert_ok(vx_file_read(path, 0, &content, &err), &err);
    assert_int_equal(content.size, 0);
    vx_free(content.at);
    vx_free(path);
}

/* A pipe tells no size, and gives its bytes in pieces. */
static void a_file_without_a_size_is_read_to_its_end(void **state)
{
    enum { SIZE = 20000 };
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };
    char text[SIZE + 1];
    char path[64];
    int ends[2];

    (void)state;
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    for (size_t size_max = SIZE - 1; size_max <= SIZE; size_max++) {
        assert_int_equal(pipe(ends), 0);
        vx_assert_ok(vx_file_write_all(ends[1], bytes_of(text), "pipe", &err), &err);
        close(ends[1]);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
        vx_assert_status(vx_file_read(path, size_max, &content, &err),
                         size_max == SIZE ? VX_OK : VX_ERR_LIMIT, &err);
        close(ends[0]);
    }
    assert_int_equal(content.size, SIZE);
    assert_string_equal((char *)content.at, text);
    vx_free(content.at);
}

static void replace_makes_a_file_and_replaces_it(void **state)
{
    vx_error err = { 0 };
    struct stat info;
    char *path = vx_path_join(*state, "status.json");
    mode_t umask_before = umask(077);

    vx_assert_ok(vx_file_replace(path, bytes_of("old"), 0600, &err), &err);
    assert_content(path, "old");
    vx_assert_ok(vx_file_replace(path, bytes_of("newer"), 0644, &err), &err);
    umask(umask_before);
    assert_content(path, "newer");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644); /* whatever the umask */
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_free(path);
}

/* A write that fails half way, as on a full disk. */
static void a_failed_write_leaves_the_old_file_and_no_temp_file(void **state)
{
    vx_error err = { 0 };
    struct rlimit before, small;
    vx_status status;
    char *path = vx_path_join(*state, "model");
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    vx_assert_ok(vx_file_replace(path, bytes_of("old"), 0644, &err), &err);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    status = vx_file_replace(path, bytes_of("much too long"), 0644, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    vx_assert_status(status, VX_ERR_IO, &err);
    assert_non_null(strstr(err.message, path));
    assert_content(path, "old");
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_free(path);
}

static void a_failed_rename_leaves_what_was_there_and_no_temp_file(void **state)
{
    vx_error err = { 0 };
    char *folder = vx_path_join(*state, "folder");

    vx_assert_ok(vx_file_make_folder(folder, &err), &err);
    vx_assert_status(vx_file_replace(folder, bytes_of("x"), 0644, &err), VX_ERR_IO, &err);
    assert_int_equal(vx_test_folder_entries(*state), 1);
    assert_int_equal(vx_test_folder_entries(folder), 0);
    vx_free(folder);
}

static void replace_in_a_missing_folder_fails(void **state)
{
    vx_error err = { 0 };
    char *path = vx_path_join(*state, "missing/file");

    vx_assert_status(vx_file_replace(path, bytes_of("x"), 0644, &err), VX_ERR_NOT_FOUND, &err);
    assert_int_equal(vx_test_folder_entries(*state), 0);
    vx_free(path);
}

static void replace_survives_the_failure_of_every_allocation(void **state)
{
    char *path = vx_path_join(*state, "file");
    vx_status status = VX_ERR_NOMEM;
    int k = 0;

    vx_assert_ok(vx_file_replace(path, bytes_of("old"), 0644, NULL), NULL);
    for (; status != VX_OK; k++) {
        int left = k;

        assert_content(path, "old");
        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_file_replace(path, bytes_of("new"), 0644, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || status == VX_ERR_NOMEM);
        assert_int_equal(vx_test_folder_entries(*state), 1);
    }
    assert_int_equal(k, 5); /* what is staged, its two names, the folder's, then success */
    assert_content(path, "new");
    vx_free(path);
}

static void read_survives_the_failure_of_every_allocation(void **state)
{
    vx_bytes content = { NULL, 0 };
    vx_status status = VX_ERR_NOMEM;
    int k = 0;

    (void)state;
    for (; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_file_read("/proc/self/status", 1 << 20, &content, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && content.at == NULL));
    }
    assert_true(k >= 2);
    vx_free(content.at);
}

/* A rename would put a file in the place of the device. */
static void what_is_no_regular_file_is_not_replaced(void **state)
{
    vx_error err = { 0 };

    vx_assert_status(vx_file_replace("/dev/full", bytes_of("x"), 0644, &err), VX_ERR_IO, &err);
    assert_string_equal(err.message,
                        "cannot replace /dev/full: expected a regular file, it is none");
    vx_assert_status(vx_file_replace(*state, bytes_of("x"), 0644, &err), VX_ERR_IO, &err);
    assert_non_null(strstr(err.message, "it is a folder"));
    assert_int_equal(vx_test_folder_entries(*state), 0);
}

static void what_is_staged_takes_its_place_when_it_is_published(void **state)
{
    char *path = vx_path_join(*state, "x");
    vx_cbytes piece = bytes_of("new");
    vx_staged *staged = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_file_replace(path, bytes_of("old"), 0644, &err), &err);
    vx_assert_ok(vx_file_stage(path, &piece, 1, 0644, &staged, &err), &err);
    assert_content(path, "old");
    assert_int_equal(vx_test_folder_entries(*state), 2);
    assert_null(vx_file_unstage(staged)); /* not published: as if it had never been */
    assert_content(path, "old");
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_assert_ok(vx_file_stage(path, &piece, 1, 0644, &staged, &err), &err);
    vx_assert_ok(vx_file_publish(staged, &err), &err);
    assert_null(vx_file_unstage(staged));
    assert_content(path, "new");
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_free(path);
}

static void write_all_reports_a_closed_reader(void **state)
{
    vx_error err = { 0 };
    int ends[2];
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    vx_assert_status(vx_file_write_all(ends[1], bytes_of("x"), "the pipe", &err), VX_ERR_IO, &err);
    assert_non_null(strstr(err.message, "the pipe"));
    close(ends[1]);
    signal(SIGPIPE, handler);
}

static void a_folder_is_listed_in_the_order_of_its_bytes(void **state)
{
    static const char *const expected[] = { ".hidden", "A", "a", "b" };
    static const char *const made[] = { "b", "A", ".hidden", "a" };
    vx_names names = { 0 };
    vx_error err = { 0 };
    char *missing = vx_path_join(*state, "missing");

    for (size_t i = 0; i < 4; i++) {
        char *path = vx_path_join(*state, made[i]);

        assert_false(vx_file_exists(path));
        vx_assert_ok(vx_file_replace(path, bytes_of(""), 0644, &err), &err);
        assert_true(vx_file_exists(path));
        vx_free(path);
    }
    vx_assert_ok(vx_file_list(*state, &names, &err), &err);
    assert_int_equal(names.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(names.at[i], expected[i]);
    vx_names_clear(&names);
    vx_assert_status(vx_file_list(missing, &names, &err), VX_ERR_NOT_FOUND, &err);
    assert_int_equal(names.count, 0);
    vx_free(missing);
}

static void list_survives_the_failure_of_every_allocation(void **state)
{
    vx_names names = { 0 };
    vx_status status = VX_ERR_NOMEM;
    int k = 0;

    (void)state;
    for (; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_file_list("/proc/self", &names, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && names.count == 0));
    }
    assert_true(k > 16);
    vx_names_clear(&names);
}

/* What a crash of before has left may be a file of another writer: it stays. */
static void replace_passes_over_temp_files_that_are_there(void **state)
{
    char *path = vx_path_join(*state, "file");
    char *temp = vx_path_join(*state, "file.tmp.0");

    vx_assert_ok(vx_file_replace(temp, bytes_of("left"), 0600, NULL), NULL);
    vx_assert_ok(vx_file_replace(path, bytes_of("new"), 0644, NULL), NULL);
    assert_content(path, "new");
    assert_content(temp, "left");
    assert_int_equal(vx_test_folder_entries(*state), 2);
    vx_free(temp);
    vx_free(path);
}

static void folders_are_made_with_their_parents(void **state)
{
    vx_error err = { 0 };
    char *deep = vx_path_join(*state, "a//b/c/");
    char *inner = vx_path_join(*state, "a/b");

    vx_assert_ok(vx_file_make_folder(deep, &err), &err);
    vx_assert_ok(vx_file_make_folder(deep, &err), &err); /* what is there already is no failure */
    vx_assert_ok(vx_file_make_folder("/", &err), &err);
    vx_assert_ok(vx_file_sync_folder(deep, &err), &err);
    assert_int_equal(vx_test_folder_entries(inner), 1);
    vx_free(deep);
    vx_free(inner);
}

static void a_file_in_the_way_of_a_folder_fails(void **state)
{
    vx_error err = { 0 };
    char *file = vx_path_join(*state, "file");
    char *below = vx_path_join(file, "below");

    vx_assert_ok(vx_file_replace(file, bytes_of("x"), 0644, &err), &err);
    vx_assert_status(vx_file_make_folder(file, &err), VX_ERR_IO, &err);
    assert_non_null(strstr(err.message, file));
    assert_int_not_equal(vx_file_make_folder(below, &err), VX_OK);
    assert_int_not_equal(vx_file_sync_folder(file, &err), VX_OK);
    assert_int_not_equal(vx_file_make_folder("", &err), VX_OK);
    vx_free(file);
    vx_free(below);
}

/* A child that holds the lock until it is killed. */
static pid_t fork_holder(const char *path)
{
    int ends[2];
    char answer = 'n';
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = -1;

        answer = vx_file_lock(path, &fd, NULL) == VX_OK ? 'y' : 'n';
        (void)!write(ends[1], &answer, 1);
        pause();
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &answer, 1), 1);
    close(ends[0]);
    assert_int_equal(answer, 'y');
    return child;
}

static void a_lock_has_one_holder_and_names_its_pid(void **state)
{
    vx_error err = { 0 };
    char expected[64];
    char *path = vx_path_join(*state, "lock");
    pid_t child = fork_holder(path);
    int fd = -1;

    vx_assert_status(vx_file_lock(path, &fd, &err), VX_ERR_BUSY, &err);
    snprintf(expected, sizeof(expected), "process %ld", (long)child);
    assert_non_null(strstr(err.message, expected));
    assert_non_null(strstr(err.message, path));
    assert_int_equal(fd, -1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    vx_assert_ok(vx_file_lock(path, &fd, &err), &err); /* its death frees the lock */
    snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
    assert_content(path, expected);
    close(fd);
    vx_free(path);
}

static void a_lock_ends_with_its_descriptor_and_is_not_inherited(void **state)
{
    vx_error err = { 0 };
    char *path = vx_path_join(*state, "lock");
    int first = -1, second = -1;

    vx_assert_ok(vx_file_lock(path, &first, &err), &err);
    assert_true((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    vx_assert_status(vx_file_lock(path, &second, &err), VX_ERR_BUSY, &err);
    close(first);
    vx_assert_ok(vx_file_lock(path, &second, &err), &err);
    close(second);
    vx_free(path);
}

static void a_longer_pid_of_before_leaves_nothing(void **state)
{
    vx_error err = { 0 };
    char expected[64];
    char *path = vx_path_join(*state, "lock");
    int fd = -1;

    vx_assert_ok(vx_file_replace(path, bytes_of("123456789012345\n"), 0644, &err), &err);
    vx_assert_ok(vx_file_lock(path, &fd, &err), &err);
    snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
    assert_content(path, expected);
    close(fd);
    vx_free(path);
}

static void a_lock_held_before_its_pid_is_written_is_busy(void **state)
{
    vx_error err = { 0 };
    char *path = vx_path_join(*state, "lock");
    int holder = -1, fd = -1;

    vx_assert_ok(vx_file_lock(path, &holder, &err), &err);
    assert_int_equal(ftruncate(holder, 0), 0);
    vx_assert_status(vx_file_lock(path, &fd, &err), VX_ERR_BUSY, &err);
    assert_non_null(strstr(err.message, "another process"));
    close(holder);
    vx_free(path);
}

static void assert_taken(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    vx_free(text);
}

static void paths_are_joined_and_parted(void **state)
{
    (void)state;
    assert_taken(vx_path_join("run", "job.yaml"), "run/job.yaml");
    assert_taken(vx_path_join("run/", "job.yaml"), "run/job.yaml");
    assert_taken(vx_path_join("run", "/etc/job.yaml"), "/etc/job.yaml");
    assert_taken(vx_path_join("", "job.yaml"), "job.yaml");
    assert_taken(vx_path_folder("run/a/job.yaml"), "run/a");
    assert_taken(vx_path_folder("run//job.yaml"), "run");
    assert_taken(vx_path_folder("run/a/"), "run");
    assert_taken(vx_path_folder("job.yaml"), ".");
    assert_taken(vx_path_folder(""), ".");
    assert_taken(vx_path_folder("/job.yaml"), "/");
    assert_taken(vx_path_folder("/"), "/");
    assert_string_equal(vx_path_name("run/a/job.yaml"), "job.yaml");
    assert_string_equal(vx_path_name("job.yaml"), "job.yaml");
    assert_string_equal(vx_path_name("run/"), "");
}

#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, vx_test_folder_setup, vx_test_folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reading_a_missing_file_names_it),
        IN_FOLDER(reading_a_folder_fails),
        IN_FOLDER(a_file_of_the_largest_size_is_read_and_one_byte_more_is_not),
        cmocka_unit_test(a_file_without_a_size_is_read_to_its_end),
        IN_FOLDER(replace_makes_a_file_and_replaces_it),
        IN_FOLDER(a_failed_write_leaves_the_old_file_and_no_temp_file),
        IN_FOLDER(a_failed_rename_leaves_what_was_there_and_no_temp_file),
        IN_FOLDER(replace_in_a_missing_folder_fails),
        IN_FOLDER(what_is_no_regular_file_is_not_replaced),
        IN_FOLDER(what_is_staged_takes_its_place_when_it_is_published),
        IN_FOLDER(replace_survives_the_failure_of_every_allocation),
        cmocka_unit_test(read_survives_the_failure_of_every_allocation),
        cmocka_unit_test(write_all_reports_a_closed_reader),
        IN_FOLDER(a_folder_is_listed_in_the_order_of_its_bytes),
        cmocka_unit_test(list_survives_the_failure_of_every_allocation),
        IN_FOLDER(replace_passes_over_temp_files_that_are_there),
        IN_FOLDER(folders_are_made_with_their_parents),
        IN_FOLDER(a_file_in_the_way_of_a_folder_fails),
        IN_FOLDER(a_lock_has_one_holder_and_names_its_pid),
        IN_FOLDER(a_lock_ends_with_its_descriptor_and_is_not_inherited),
        IN_FOLDER(a_longer_pid_of_before_leaves_nothing),
        IN_FOLDER(a_lock_held_before_its_pid_is_written_is_busy),
        cmocka_unit_test(paths_are_joined_and_parted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
