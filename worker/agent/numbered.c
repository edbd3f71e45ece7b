#include "numbered.h"

#include <stdlib.h>
#include <string.h>

#include <vx_base/limits.h>

/* A whole number of the environment, from `least` to `most`. */
static bool number_of(char *(*lookup)(const char *name), const char *name, uint32_t least,
                      uint32_t most, uint32_t *ret_value)
{
    const char *text = lookup(name);
    char *end = NULL;
    unsigned long value = text != NULL ? strtoul(text, &end, 10) : 0;

    if (text == NULL || text[0] < '0' || text[0] > '9' || *end != '\0' || value < least ||
        value > most)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

/* Of the node with this number, in a list such as "2(x3),1": as many on each of the first three,
 * one on the fourth. 0: not told. */
static uint32_t tasks_on(const char *list, uint32_t node)
{
    while (list != NULL && *list != '\0') {
        char *end = NULL;
        unsigned long tasks = strtoul(list, &end, 10);
        unsigned long times = 1;

        if (end == list || tasks == 0 || tasks > VX_WORKERS_MAX)
            return 0;
        if (strncmp(end, "(x", 2) == 0) {
            times = strtoul(end + 2, &end, 10);
            end += *end == ')';
        }
        if (node < times)
            return (uint32_t)tasks;
        node -= (uint32_t)times;
        list = *end == ',' ? end + 1 : NULL;
    }
    return 0;
}

/* What Slurm has bound to a mask of its own shares its cores with nobody. */
static uint32_t slurm_neighbours(char *(*lookup)(const char *name))
{
    const char *bound = lookup("SLURM_CPU_BIND_TYPE");
    uint32_t node = 0;
    uint32_t tasks = 0;

    if (bound != NULL && (strncmp(bound, "mask_cpu", 8) == 0 || strncmp(bound, "map_cpu", 7) == 0))
        return 1;
    if (number_of(lookup, "SLURM_NODEID", 0, VX_WORKERS_MAX, &node))
        tasks = tasks_on(lookup("SLURM_STEP_TASKS_PER_NODE"), node);
    return tasks > 0 ? tasks : 1;
}

bool vx_numbered_find(char *(*lookup)(const char *name), vx_numbered *ret_numbered)
{
    vx_numbered found = { 0, 0, 1 };
    const char *rank = NULL;

    if (lookup("OMPI_COMM_WORLD_SIZE") != NULL || lookup("PMIX_RANK") != NULL)
        return false;
    /* However many they are: not to see it would make each of them the first and only one. */
    if (number_of(lookup, "PMI_SIZE", 1, UINT32_MAX, &found.size))
        rank = "PMI_RANK";
    else if (lookup("SLURM_STEP_ID") != NULL &&
             number_of(lookup, "SLURM_STEP_NUM_TASKS", 1, UINT32_MAX, &found.size))
        rank = "SLURM_PROCID";
    if (rank == NULL || !number_of(lookup, rank, 0, found.size - 1, &found.rank))
        return false;
    if (lookup("SLURM_STEP_ID") != NULL)
        found.local_workers = slurm_neighbours(lookup);
    else if (!number_of(lookup, "MPI_LOCALNRANKS", 1, VX_WORKERS_MAX, &found.local_workers))
        found.local_workers = 1;
    *ret_numbered = found;
    return true;
}
