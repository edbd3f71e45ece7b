/* Commits a second for each durability, and how that compares with a bare write of the same bytes:
 * appended to a file, with fdatasync where the durability syncs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/file.h>
#include <vx_ledger/ledger.h>

enum { SLOTS = 16, KEPT = 32, PASSES = 3 };

typedef struct bench {
    char folder[64];
    vx_ledger_slot slots[SLOTS];
    vx_bytes update;
    size_t commits;
} bench;

static double now_s(void)
{
    vx_clock clock = vx_clock_system();

    return (double)vx_clock_monotonic_ns(&clock) / (double)VX_NS_PER_S;
}

static vx_status commit_rounds(const bench *b, vx_ledger *ledger, vx_error *err)
{
    vx_ledger_slot slots[SLOTS];
    vx_ledger_round round = { .slots = slots, .slots_count = SLOTS };
    uint64_t first = 0;
    vx_status status = VX_OK;

    memcpy(slots, b->slots, sizeof(slots));
    round.update_bytes = (vx_cbytes){ b->update.at, b->update.size };
    vx_ledger_range(ledger, &first, &round.round);
    for (size_t i = 0; i < b->commits && status == VX_OK; i++, round.round++) {
        status = vx_ledger_commit(ledger, &round, err);
        if (status == VX_OK && round.round % KEPT == KEPT - 1)
            status = vx_ledger_prune(ledger, round.round - KEPT / 2, err);
    }
    return status;
}

/* Commits a second, or 0 with a message. */
static double time_ledger(const bench *b, vx_ledger_durability durability)
{
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };
    double start;
    double seconds;
    vx_status status = vx_ledger_open(b->folder, (vx_digest){ { 1 } }, durability, &ledger, &err);

    start = now_s();
    if (status == VX_OK)
        status = commit_rounds(b, ledger, &err);
    seconds = now_s() - start;
    vx_ledger_close(ledger);
    if (status == VX_OK)
        return (double)b->commits / seconds;
    fprintf(stderr, "%s\n", err.message);
    return 0.0;
}

static double time_raw(const bench *b, size_t size, bool synced)
{
    char path[128];
    vx_error err = { 0 };
    vx_status status = VX_OK;
    double start = now_s();
    double seconds;
    int fd;

    snprintf(path, sizeof(path), "%s/raw", b->folder);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t i = 0; i < b->commits && status == VX_OK && fd >= 0; i++) {
        status = vx_file_write_all(fd, (vx_cbytes){ b->update.at, size }, path, &err);
        if (status == VX_OK && synced && fdatasync(fd) != 0)
            status = VX_ERR_IO;
    }
    seconds = now_s() - start;
    if (fd >= 0)
        close(fd);
    unlink(path);
    return status == VX_OK && fd >= 0 ? (double)b->commits / seconds : 0.0;
}

/* The best of interleaved passes of both. */
static void compare(const bench *b, const char *name, vx_ledger_durability durability, size_t size)
{
    double ledger = 0.0;
    double raw = 0.0;

    for (int pass = 0; pass < PASSES; pass++) {
        double one = time_raw(b, size, durability != VX_LEDGER_CHECKPOINT);

        raw = one > raw ? one : raw;
        one = time_ledger(b, durability);
        ledger = one > ledger ? one : ledger;
    }
    printf("%-12s %9zu bytes %9.0f commits/s, raw %9.0f writes/s, ratio %.2f\n", name, size, ledger,
           raw, raw > 0.0 ? ledger / raw : 0.0);
}

static void remove_folder(const bench *b)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/" VX_LEDGER_FILE, b->folder);
    unlink(path);
    rmdir(b->folder);
}

int main(int count, char **arguments)
{
    const size_t parameters = count > 1 ? strtoul(arguments[1], NULL, 10) : 100000;
    const size_t record = 88 + SLOTS * 66 + VX_DIGEST_BYTES;
    bench b = { .folder = "ledger-bench-XXXXXX",
                .commits = count > 2 ? strtoul(arguments[2], NULL, 10) : 300 };

    for (uint32_t i = 0; i < SLOTS; i++)
        b.slots[i] = (vx_ledger_slot){ .slot = i, .incarnation = 1, .included = true };
    b.update = (vx_bytes){ vx_calloc(parameters + record, 4), 4 * parameters };
    if (b.update.at == NULL || parameters == 0 || mkdtemp(b.folder) == NULL) {
        fprintf(stderr, "usage: ledger_bench [parameters] [commits], in a folder to write to\n");
        vx_free(b.update.at);
        return 1;
    }
    printf("%zu parameters, %d slots, %zu commits, best of %d\n", parameters, SLOTS, b.commits,
           PASSES);
    compare(&b, "checkpoint", VX_LEDGER_CHECKPOINT, record);
    compare(&b, "rounds", VX_LEDGER_ROUNDS, record);
    compare(&b, "full", VX_LEDGER_FULL, record + b.update.size);
    remove_folder(&b);
    vx_free(b.update.at);
    return 0;
}
