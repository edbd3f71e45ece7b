#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>

#include "numbered.h"

static const char *environment; /* "NAME=VALUE NAME=VALUE" */

static char *look_up(const char *name)
{
    static char value[64];
    size_t length = strlen(name);

    for (const char *at = environment; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + length + 1, " "),
                     at + length + 1);
            return value;
        }
    }
    return NULL;
}

static void a_number_of_the_launcher_is_the_rank_where_there_is_no_mpi(void **state)
{
    static const struct {
        const char *environment;
        uint32_t rank, size, local;
    } rows[] = {
        { "SLURM_STEP_ID=1 SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=8", 3, 8, 1 },
        { "SLURM_STEP_ID=0 SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=7 SLURM_NODEID=2 "
          "SLURM_STEP_TASKS_PER_NODE=2(x3),1",
          5, 7, 2 },
        { "SLURM_STEP_ID=0 SLURM_PROCID=6 SLURM_STEP_NUM_TASKS=7 SLURM_NODEID=3 "
          "SLURM_STEP_TASKS_PER_NODE=2(x3),1",
          6, 7, 1 },
        { "SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4 SLURM_NODEID=0 "
          "SLURM_STEP_TASKS_PER_NODE=4 SLURM_CPU_BIND_TYPE=mask_cpu:",
          0, 4, 1 },
        { "SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4 SLURM_NODEID=0 "
          "SLURM_STEP_TASKS_PER_NODE=4 SLURM_CPU_BIND_TYPE=none",
          0, 4, 4 },
        { "PMI_RANK=1 PMI_SIZE=2", 1, 2, 1 },
        { "PMI_RANK=1 PMI_SIZE=4 MPI_LOCALNRANKS=2", 1, 4, 2 },
        { "PMI_RANK=2 PMI_SIZE=4 SLURM_STEP_ID=0 SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=9", 2, 4, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vx_numbered found = { 77, 77, 77 };

        environment = rows[i].environment;
        if (!vx_numbered_find(look_up, &found))
            fail_msg("not numbered: %s", environment);
        assert_int_equal(found.rank, rows[i].rank);
        assert_int_equal(found.size, rows[i].size);
        assert_int_equal(found.local_workers, rows[i].local);
    }
}

static void mpi_and_plain_starts_are_not_numbered(void **state)
{
    static const char *const rows[] = {
        "",
        "PATH=/bin",
        "OMPI_COMM_WORLD_SIZE=4 PMI_RANK=1 PMI_SIZE=4",
        "PMIX_RANK=0 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4",
        "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4", /* a batch script: in no step */
        "SLURM_STEP_ID=0 SLURM_PROCID=4 SLURM_STEP_NUM_TASKS=4",
        "SLURM_STEP_ID=0 SLURM_PROCID=-1 SLURM_STEP_NUM_TASKS=4",
        "SLURM_STEP_ID=0 SLURM_PROCID=x SLURM_STEP_NUM_TASKS=4",
        "SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=99999999999999999999",
        "PMI_RANK=0 PMI_SIZE=0",
        "PMI_RANK=0x1 PMI_SIZE=2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vx_numbered found = { 77, 77, 77 };

        environment = rows[i];
        if (vx_numbered_find(look_up, &found))
            fail_msg("numbered: %s", environment);
        assert_int_equal(found.rank, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_of_the_launcher_is_the_rank_where_there_is_no_mpi),
        cmocka_unit_test(mpi_and_plain_starts_are_not_numbered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
