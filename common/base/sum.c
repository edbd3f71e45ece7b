#include <vx_base/sum.h>

#include <string.h>

#include <vx_base/assert.h>

#define CHUNK 512 /* numbers of each place: all places stay in the first cache */

/* m of count = 2^a m. */
static size_t run_of(size_t count)
{
    VX_ASSERT(count >= 1 && count <= VX_BLOCKS_MAX);
    while (count % 2 == 0)
        count /= 2;
    return count;
}

bool vx_sum_splits(size_t count, size_t runs)
{
    VX_ASSERT(runs >= 1);
    return runs == count || (count % runs == 0 && run_of(runs) == 1);
}

size_t vx_sum_places(size_t count)
{
    return vx_sum_place(count, count - 1) + 1;
}

/* In use before part `index`: a place for each bit of the number of whole runs, and one of a run
 * that has begun. */
size_t vx_sum_place(size_t count, size_t index)
{
    size_t run = run_of(count);

    VX_ASSERT(index < count);
    return (size_t)__builtin_popcountll(index / run) + (index % run > 0 ? 1 : 0);
}

size_t vx_sum_merges(size_t count, size_t index)
{
    size_t run = run_of(count);
    size_t into_run = index % run > 0 ? 1 : 0;
    bool ends_run = index % run == run - 1;

    VX_ASSERT(index < count);
    return into_run + (ends_run ? (size_t)__builtin_ctzll(index / run + 1) : 0);
}

static void add(const float *from, size_t size, float *to)
{
    for (size_t i = 0; i < size; i++)
        to[i] += from[i];
}

void vx_sum_merge_f32(float *const *places, size_t count, size_t index, size_t from, size_t size)
{
    size_t place = vx_sum_place(count, index);

    for (size_t k = vx_sum_merges(count, index); k > 0; k--, place--)
        add(places[place] + from, size, places[place - 1] + from);
}

void vx_sum_parts_f32(const float *const *parts, size_t count, size_t size, float *ret_sum)
{
    float places[VX_SUM_PLACES_MAX][CHUNK];

    VX_ASSERT(vx_sum_places(count) <= VX_SUM_PLACES_MAX);
    for (size_t from = 0; from < size; from += CHUNK) {
        size_t numbers = size - from < CHUNK ? size - from : CHUNK;

        for (size_t i = 0; i < count; i++) {
            size_t place = vx_sum_place(count, i);

            memcpy(places[place], parts[i] + from, numbers * sizeof(float));
            for (size_t k = vx_sum_merges(count, i); k > 0; k--, place--)
                add(places[place], numbers, places[place - 1]);
        }
        memcpy(ret_sum + from, places[0], numbers * sizeof(float));
    }
}

double vx_sum_parts_f64(const double *parts, size_t count)
{
    double places[VX_SUM_PLACES_MAX];

    VX_ASSERT(vx_sum_places(count) <= VX_SUM_PLACES_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t place = vx_sum_place(count, i);

        places[place] = parts[i];
        for (size_t k = vx_sum_merges(count, i); k > 0; k--, place--)
            places[place - 1] += places[place];
    }
    return places[0];
}
