#include "order.h"

#include <stdbool.h>

#include <vx_base/assert.h>

static bool comes_before(const double *key, size_t a, size_t b)
{
    if (key[a] < key[b])
        return true;
    if (key[a] > key[b])
        return false;
    return a < b;
}

/* Shell's sort: n is at most some hundreds, and nothing may be allocated. The order is total, so
 * the result does not depend on the method. */
void vx_order_ascending(const double *key, size_t n, size_t *ret_order)
{
    static const size_t gaps[] = { 701, 301, 132, 57, 23, 10, 4, 1 };

    for (size_t i = 0; i < n; i++)
        ret_order[i] = i;
    for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        size_t gap = gaps[g];

        for (size_t i = gap; i < n; i++) {
            size_t moving = ret_order[i], j = i;

            for (; j >= gap && comes_before(key, moving, ret_order[j - gap]); j -= gap)
                ret_order[j] = ret_order[j - gap];
            ret_order[j] = moving;
        }
    }
}

double vx_median_of(const double *key, size_t n, size_t *order)
{
    VX_ASSERT(n > 0);
    vx_order_ascending(key, n, order);
    if (n % 2 == 1)
        return key[order[n / 2]];
    return 0.5 * key[order[n / 2 - 1]] + 0.5 * key[order[n / 2]];
}
