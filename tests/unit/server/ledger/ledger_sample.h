#ifndef VX_TEST_LEDGER_SAMPLE_H
#define VX_TEST_LEDGER_SAMPLE_H
#include <vx_test/check.h>

#include <vx_ledger/ledger.h>

enum { SAMPLE_SLOTS_MAX = 9, SAMPLE_UPDATE_MAX = 3 << 20 };

extern const vx_digest sample_config;

/* A record whose every field depends on its round, with NaN, infinities, -0 and the extremes among
 * the numbers, and an update of update_size bytes. Borrowed until the next call. */
const vx_ledger_round *sample(uint64_t round, size_t update_size);

vx_ledger *open_sample(const char *run_dir, vx_ledger_durability durability);
void commit_sample(vx_ledger *ledger, uint64_t round, size_t update_size);

/* Reads a record; when that succeeds each bit is that of the sample. update_size 0: not read. */
vx_status read_sample(vx_ledger *ledger, uint64_t round, size_t update_size, vx_error *err);

/* The range is [first, end) and all of it is as it was committed. */
void expect_samples(vx_ledger *ledger, uint64_t first, uint64_t end, size_t update_size);

char *ledger_path(const char *run_dir, const char *suffix); /* the caller frees, by vx_free */
vx_bytes get_file(const char *path);                        /* the caller frees at, by vx_free */
#endif
