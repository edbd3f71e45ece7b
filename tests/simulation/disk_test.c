#include <vx_test/check.h>

#include <errno.h>
#include <string.h>

#include <simulation/disk.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#define SEEDS  200
#define LARGE  (1u << 20)
#define SECTOR 512u

static vx_sim_disk *disk_use(uint64_t seed, uint64_t capacity)
{
    vx_sim_disk *disk = vx_sim_disk_create(seed, capacity);

    vx_files_install(vx_sim_disk_files(disk));
    return disk;
}

static void disk_end(vx_sim_disk *disk)
{
    assert_int_equal(vx_sim_disk_open_handles(disk), 0);
    vx_files_install(NULL);
    vx_sim_disk_destroy(disk);
}

static int open_file(const char *path, int flags)
{
    int handle = vx_files_current()->open(vx_files_current()->context, path, flags, 0644);

    assert_true(handle >= 0);
    return handle;
}

static void write_text(int handle, const char *text)
{
    vx_assert_ok(
        vx_file_write_all(handle, (vx_cbytes){ (const uint8_t *)text, strlen(text) }, "", NULL),
        NULL);
}

static void sync_it(int handle)
{
    assert_int_equal(vx_files_current()->sync(vx_files_current()->context, handle), 0);
}

/* The content as new text, NULL when there is no such file. */
static char *content_of(const char *path, size_t *ret_size)
{
    vx_bytes content = { NULL, 0 };
    vx_status status = vx_file_read(path, LARGE, &content, NULL);

    assert_true(status == VX_OK || status == VX_ERR_NOT_FOUND);
    if (ret_size != NULL)
        *ret_size = content.size;
    return (char *)content.at;
}

static void what_is_written_is_read_and_listed(void **state)
{
    const vx_files *files = NULL;
    vx_sim_disk *disk = disk_use(1, LARGE);
    vx_names names = { 0 };
    vx_file_info info;
    const void *mapped = NULL;
    char *text = NULL;
    char piece[3] = "";
    int handle = -1;

    (void)state;
    files = vx_files_current();
    vx_assert_ok(vx_file_make_folder("a/b/", NULL), NULL);
    vx_assert_ok(vx_file_replace("a/b/file", (vx_cbytes){ (const uint8_t *)"one", 3 }, 0644, NULL),
                 NULL);
    handle = open_file("/a//./b/file", O_RDWR | O_APPEND);
    write_text(handle, "two");
    assert_int_equal(files->read_at(files->context, handle, piece, 2, 3), 2);
    assert_string_equal(piece, "tw");
    assert_int_equal(files->map(files->context, handle, 6, &mapped), 0);
    assert_int_equal(files->truncate(files->context, handle, 1), 0);
    vx_file_close(handle);
    assert_memory_equal(mapped, "onetwo", 6);
    files->unmap(files->context, mapped, 6);
    text = content_of("a/b/file", NULL);
    assert_string_equal(text, "o");
    vx_free(text);
    assert_int_equal(files->info_of(files->context, "a/b", &info), 0);
    assert_true(info.is_folder && !info.is_regular);
    vx_assert_ok(vx_file_list("a/b", &names, NULL), NULL);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.at[0], "file");
    vx_names_clear(&names);
    disk_end(disk);
}

static void mistakes_have_the_numbers_of_linux(void **state)
{
    vx_sim_disk *disk = disk_use(1, LARGE);
    const vx_files *f = vx_files_current();
    void *c = f->context;
    int handle = -1;
    char byte = 0;

    (void)state;
    assert_int_equal(f->open(c, "none", O_RDONLY, 0), -ENOENT);
    assert_int_equal(f->open(c, "none/x", O_CREAT | O_WRONLY, 0), -ENOENT);
    assert_int_equal(f->make_folder(c, "d", 0755), 0);
    assert_int_equal(f->make_folder(c, "d", 0755), -EEXIST);
    handle = open_file("d/x", O_CREAT | O_WRONLY);
    assert_int_equal(f->read(c, handle, &byte, 1), -EBADF);
    vx_file_close(handle);
    assert_int_equal(f->close(c, handle), -EBADF);
    assert_int_equal(f->open(c, "d/x", O_CREAT | O_EXCL, 0), -EEXIST);
    assert_int_equal(f->open(c, "d/x/y", O_RDONLY, 0), -ENOTDIR);
    assert_int_equal(f->open(c, "d/x", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(f->open(c, "d", O_WRONLY, 0), -EISDIR);
    assert_int_equal(f->remove(c, "d"), -EISDIR);
    assert_int_equal(f->remove_folder(c, "d"), -ENOTEMPTY);
    assert_int_equal(f->remove_folder(c, "d/x"), -ENOTDIR);
    assert_int_equal(f->make_folder(c, "e", 0755), 0);
    assert_int_equal(f->rename(c, "e", "d"), -ENOTEMPTY);
    assert_int_equal(f->rename(c, "d/x", "x"), -EXDEV);
    assert_int_equal(f->rename(c, "f", "d"), -ENOENT);
    assert_int_equal(f->exchange(c, "d", "f"), -ENOENT);
    assert_int_equal(f->rename(c, "d", "e"), 0);
    assert_int_equal(f->remove(c, "e/x"), 0);
    assert_int_equal(f->remove_folder(c, "e"), 0);
    assert_int_equal(vx_sim_disk_used(disk), SECTOR); /* the root is its own */
    disk_end(disk);
}

static void what_was_synced_survives_every_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = disk_use(seed, LARGE);
        char *text = NULL;

        vx_assert_ok(vx_file_make_folder("run", NULL), NULL);
        vx_assert_ok(
            vx_file_replace("run/x", (vx_cbytes){ (const uint8_t *)"kept", 4 }, 0644, NULL), NULL);
        vx_sim_disk_crash(disk);
        text = content_of("run/x", NULL);
        assert_string_equal(text, "kept");
        vx_free(text);
        disk_end(disk);
    }
}

typedef struct tally { /* how often each happened over all seeds */
    unsigned absent, empty, partial, torn, whole;
} tally;

static void three_sectors(uint64_t seed, tally *seen)
{
    vx_sim_disk *disk = disk_use(seed, LARGE);
    char data[3 * SECTOR + 1];
    size_t size = 0;
    unsigned news = 0;
    char *text = NULL;
    int handle = open_file("x", O_CREAT | O_WRONLY);
    int root = open_file("/", O_RDONLY | O_DIRECTORY);

    if (seed % 2 == 0)
        sync_it(root);
    memset(data, 'n', sizeof(data));
    data[sizeof(data) - 1] = '\0';
    write_text(handle, data);
    vx_sim_disk_crash(disk);
    text = content_of("x", &size);
    assert_true(text != NULL || seed % 2 == 1); /* its name was synced */
    for (size_t at = 0; text != NULL && at + SECTOR <= size; at += SECTOR) {
        for (size_t i = 1; i < SECTOR; i++)
            assert_int_equal(text[at + i], text[at]); /* a sector is written as a whole */
        assert_true(text[at] == 'n' || text[at] == '\0');
        news += text[at] == 'n';
    }
    seen->absent += text == NULL;
    seen->empty += text != NULL && size == 0;
    seen->partial += size > 0 && size < 3 * SECTOR;
    seen->torn += size == 3 * SECTOR && news < 3;
    seen->whole += news == 3;
    vx_free(text);
    disk_end(disk);
}

static void what_was_not_synced_is_lost_kept_or_torn(void **state)
{
    tally seen = { 0 };

    (void)state;
    for (uint64_t seed = 0; seed < 10ull * SEEDS; seed++)
        three_sectors(seed, &seen);
    assert_true(seen.absent > 0 && seen.empty > 0 && seen.partial > 0 && seen.torn > 0 &&
                seen.whole > 0);
}

static void old_data_stays_where_new_data_did_not_arrive(void **state)
{
    unsigned mixed = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = disk_use(seed, LARGE);
        char data[2 * SECTOR];
        size_t size = 0;
        char *text = NULL;
        int handle = -1;

        memset(data, 'o', sizeof(data));
        vx_assert_ok(
            vx_file_replace("x", (vx_cbytes){ (const uint8_t *)data, sizeof(data) }, 0644, NULL),
            NULL);
        memset(data, 'n', sizeof(data));
        handle = open_file("x", O_WRONLY);
        vx_assert_ok(
            vx_file_write_all(handle, (vx_cbytes){ (const uint8_t *)data, sizeof(data) }, "", NULL),
            NULL);
        vx_sim_disk_crash(disk);
        text = content_of("x", &size);
        assert_int_equal(size, sizeof(data));
        assert_true(text[0] == 'o' || text[0] == 'n');
        mixed += text[0] != text[SECTOR];
        vx_free(text);
        disk_end(disk);
    }
    assert_in_range(mixed, 1, SEEDS - 1);
}

static void names_are_undone_or_kept_until_the_folder_is_synced(void **state)
{
    unsigned kept[2] = { 0, 0 };

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = disk_use(seed, LARGE);
        const vx_files *f = vx_files_current();
        int root = open_file("/", O_RDONLY | O_DIRECTORY);

        vx_file_close(open_file("a", O_CREAT | O_WRONLY));
        vx_file_close(open_file("gone", O_CREAT | O_WRONLY));
        sync_it(root);
        assert_int_equal(f->rename(f->context, "a", "b"), 0);
        assert_int_equal(f->remove(f->context, "gone"), 0);
        vx_sim_disk_crash(disk);
        assert_int_equal(vx_file_exists("a") + vx_file_exists("b"), 1);
        kept[0] += vx_file_exists("b");
        kept[1] += vx_file_exists("gone");
        disk_end(disk);
    }
    assert_in_range(kept[0], 1, SEEDS - 1);
    assert_in_range(kept[1], 1, SEEDS - 1);
}

static void an_exchange_is_whole_or_not_at_all(void **state)
{
    unsigned kept = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = disk_use(seed, LARGE);
        const vx_files *f = vx_files_current();
        char *text[2];

        for (size_t i = 0; i < 2; i++)
            vx_assert_ok(vx_file_replace(i == 0 ? "a" : "b",
                                         (vx_cbytes){ (const uint8_t *)"ab" + i, 1 }, 0644, NULL),
                         NULL);
        assert_int_equal(f->exchange(f->context, "a", "b"), 0);
        vx_sim_disk_crash(disk);
        text[0] = content_of("a", NULL);
        text[1] = content_of("b", NULL);
        assert_int_equal(text[0][0] + text[1][0], 'a' + 'b');
        kept += text[0][0] == 'b';
        vx_free(text[0]);
        vx_free(text[1]);
        disk_end(disk);
    }
    assert_in_range(kept, 1, SEEDS - 1);
}

/* The trap of fsync: the next one says that all is well. */
static void data_of_a_failed_sync_is_read_and_never_arrives(void **state)
{
    unsigned lost = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = disk_use(seed, LARGE);
        const vx_files *f = vx_files_current();
        int root = open_file("/", O_RDONLY | O_DIRECTORY);
        int handle = open_file("x", O_CREAT | O_RDWR);
        char byte = 0;
        char *text = NULL;

        write_text(handle, "new");
        sync_it(root);
        vx_sim_disk_fail(disk, VX_SIM_OP_SYNC, 1, EIO);
        assert_int_equal(f->sync(f->context, handle), -EIO);
        assert_int_equal(f->read_at(f->context, handle, &byte, 1, 0), 1);
        assert_int_equal(byte, 'n');
        sync_it(handle);
        vx_sim_disk_crash(disk);
        text = content_of("x", NULL);
        lost += text[0] != 'n';
        vx_free(text);
        disk_end(disk);
    }
    assert_in_range(lost, 1, SEEDS - 1);
}

static void a_full_disk_writes_what_fits_and_then_says_so(void **state)
{
    vx_sim_disk *disk = disk_use(1, 4 * SECTOR); /* root, file, two sectors of data */
    const vx_files *f = vx_files_current();
    int handle = open_file("x", O_CREAT | O_WRONLY);
    char data[3 * SECTOR] = "";

    (void)state;
    assert_int_equal(vx_sim_disk_used(disk), 2 * SECTOR);
    assert_int_equal(f->write(f->context, handle, data, sizeof(data)), 2 * SECTOR);
    assert_int_equal(f->write(f->context, handle, data, 1), -ENOSPC);
    assert_int_equal(f->open(f->context, "y", O_CREAT | O_WRONLY, 0644), -ENOSPC);
    assert_int_equal(f->make_folder(f->context, "d", 0755), -ENOSPC);
    assert_int_equal(f->remove(f->context, "x"), 0);
    assert_int_equal(vx_sim_disk_used(disk), 4 * SECTOR); /* while somebody holds it */
    vx_file_close(handle);
    assert_int_equal(vx_sim_disk_used(disk), SECTOR);
    disk_end(disk);
}

static void one_operation_fails_and_the_next_does_not(void **state)
{
    vx_sim_disk *disk = disk_use(1, LARGE);
    const vx_files *f = vx_files_current();

    (void)state;
    vx_sim_disk_fail(disk, VX_SIM_OP_MAKE_FOLDER, 2, EIO);
    assert_int_equal(f->make_folder(f->context, "a", 0755), 0);
    assert_int_equal(f->make_folder(f->context, "b", 0755), -EIO);
    assert_int_equal(f->make_folder(f->context, "b", 0755), 0);
    vx_sim_disk_fail(disk, VX_SIM_OP_ANY, 1, ENOSPC);
    assert_int_equal(f->remove_folder(f->context, "b"), -ENOSPC);
    vx_sim_disk_stop(disk, 2);
    assert_int_equal(f->remove_folder(f->context, "b"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(f->make_folder(f->context, "c", 0755), -EIO);
    assert_int_equal(vx_sim_disk_count(disk, VX_SIM_OP_MAKE_FOLDER), 6);
    assert_int_equal(vx_sim_disk_count(disk, VX_SIM_OP_ANY), 8);
    disk_end(disk);
}

static void handles_and_locks_end_with_the_process_and_with_the_power(void **state)
{
    vx_sim_disk *disk = disk_use(1, LARGE);
    const vx_files *f = vx_files_current();
    int first = -1;
    int second = -1;
    char byte = 0;

    (void)state;
    for (int i = 0; i < 2; i++) {
        vx_error err = { 0 };

        vx_assert_ok(vx_file_lock("lock", &first, &err), &err);
        vx_assert_status(vx_file_lock("lock", &second, &err), VX_ERR_BUSY, &err);
        if (i == 0)
            vx_sim_disk_close_all(disk);
        else
            vx_sim_disk_crash(disk);
        assert_int_equal(f->read(f->context, first, &byte, 1), -EBADF);
    }
    vx_assert_ok(vx_file_lock("lock", &second, NULL), NULL);
    assert_true(second > first);
    vx_file_close(second);
    disk_end(disk);
}

static void the_same_seed_loses_the_same(void **state)
{
    char *text[2] = { NULL, NULL };
    size_t size[2] = { 0, 0 };

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (size_t i = 0; i < 2; i++) {
            vx_sim_disk *disk = disk_use(seed, LARGE);
            char data[8 * SECTOR];
            int handle = open_file("x", O_CREAT | O_WRONLY);

            memset(data, 'n', sizeof(data));
            vx_assert_ok(vx_file_write_all(
                             handle, (vx_cbytes){ (const uint8_t *)data, sizeof(data) }, "", NULL),
                         NULL);
            vx_sim_disk_crash(disk);
            text[i] = content_of("x", &size[i]);
            disk_end(disk);
        }
        assert_int_equal(size[0], size[1]);
        assert_true((text[0] == NULL) == (text[1] == NULL));
        if (text[0] != NULL)
            assert_memory_equal(text[0], text[1], size[0]);
        vx_free(text[0]);
        vx_free(text[1]);
    }
}

static void many_replacements_take_no_more_room_than_one(void **state)
{
    vx_sim_disk *disk = disk_use(1, 16 * SECTOR);

    (void)state;
    for (int i = 0; i < 5000; i++)
        vx_assert_ok(vx_file_replace("x", (vx_cbytes){ (const uint8_t *)"x", 1 }, 0644, NULL),
                     NULL);
    assert_int_equal(vx_sim_disk_used(disk), 3 * SECTOR);
    disk_end(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_listed),
        cmocka_unit_test(mistakes_have_the_numbers_of_linux),
        cmocka_unit_test(what_was_synced_survives_every_crash),
        cmocka_unit_test(what_was_not_synced_is_lost_kept_or_torn),
        cmocka_unit_test(old_data_stays_where_new_data_did_not_arrive),
        cmocka_unit_test(names_are_undone_or_kept_until_the_folder_is_synced),
        cmocka_unit_test(an_exchange_is_whole_or_not_at_all),
        cmocka_unit_test(data_of_a_failed_sync_is_read_and_never_arrives),
        cmocka_unit_test(a_full_disk_writes_what_fits_and_then_says_so),
        cmocka_unit_test(one_operation_fails_and_the_next_does_not),
        cmocka_unit_test(handles_and_locks_end_with_the_process_and_with_the_power),
        cmocka_unit_test(the_same_seed_loses_the_same),
        cmocka_unit_test(many_replacements_take_no_more_room_than_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
