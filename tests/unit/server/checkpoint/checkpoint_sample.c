#include "checkpoint_sample.h"

#include <stdio.h>

const vx_checkpoint *sample(uint64_t rounds, bool with_state)
{
    static float values[9];
    static const vx_tensor parameters[] = {
        { .name = "w", .rank = 2, .shape = { 2, 3 }, .at = values },
        { .name = "b", .rank = 1, .shape = { 3 }, .at = values + 6 },
    };
    static const vx_tensor state[] = {
        { .name = "momentum", .rank = 1, .shape = { 9 }, .at = values },
    };
    static vx_checkpoint content;

    for (size_t i = 0; i < 9; i++)
        values[i] = (float)rounds + 0.25f * (float)i;
    content = (vx_checkpoint){
        .rounds = rounds,
        .epoch = 3,
        .job = "sample \"job\"",
        .config = vx_digest_of("config", 6),
        .parameters_digest = vx_digest_of(values, sizeof(values)),
        .blas = "a BLAS, 1 thread",
        .parameters = parameters,
        .parameters_count = 2,
        .state = state,
        .state_count = with_state ? 1 : 0,
    };
    return &content;
}

const vx_checkpoint *sample_workers(uint64_t rounds)
{
    static float values[18];
    static const vx_tensor workers[] = {
        { .name = "slot.3.momentum", .rank = 1, .shape = { 9 }, .at = values },
        { .name = "slot.10.momentum", .rank = 1, .shape = { 9 }, .at = values + 9 },
    };
    static uint64_t workers_round[2];
    static vx_checkpoint content;

    for (size_t i = 0; i < 18; i++)
        values[i] = (float)rounds - (float)i;
    workers_round[0] = rounds - 1;
    workers_round[1] = rounds - 2;
    content = *sample(rounds, true);
    content.workers = workers;
    content.workers_count = 2;
    content.workers_round = workers_round;
    return &content;
}

void write_sample(const char *run_dir, uint64_t rounds, uint64_t keep)
{
    vx_error err = { 0 };

    vx_assert_ok(vx_checkpoint_write(run_dir, sample(rounds, true), keep, 0, &err), &err);
}

void note_skipped(void *context, const char *folder, const vx_error *why)
{
    skipped_list *list = context;

    if (list->count < 8) {
        (void)snprintf(list->folder[list->count], sizeof(list->folder[0]), "%s", folder);
        list->why[list->count] = *why;
    }
    list->count++;
}

uint64_t newest(const char *run_dir, skipped_list *list)
{
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };
    uint64_t rounds = 0;
    vx_status status =
        vx_checkpoint_open_newest(run_dir, list != NULL ? note_skipped : NULL, list, &loaded, &err);

    if (status == VX_ERR_NOT_FOUND)
        return 0;
    vx_assert_ok(status, &err);
    rounds = vx_checkpoint_content(loaded)->rounds;
    vx_checkpoint_close(loaded);
    return rounds;
}
