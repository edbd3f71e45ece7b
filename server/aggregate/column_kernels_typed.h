/*
 * Part of column_kernels_impl.h, included once for double and once for float: T, its integers INT
 * and UINT, NAME(x) that tells both apart, LESSER and GREATER.
 */

typedef T NAME(vec) __attribute__((vector_size(REGISTER)));
typedef INT NAME(keys) __attribute__((vector_size(REGISTER)));
typedef UINT NAME(bits) __attribute__((vector_size(REGISTER)));
typedef T NAME(part) __attribute__((vector_size(sizeof(T) * WIDE))); /* what widens to `wide` */
enum { NAME(LANES) = REGISTER / sizeof(T) };

INLINE wide NAME(widen)(const T *at)
{
    NAME(part) v;

    memcpy(&v, at, sizeof(v));
    return __builtin_convertvector(v, wide);
}

INLINE void NAME(narrow)(wide v, T *at)
{
    NAME(part) rounded = __builtin_convertvector(v, NAME(part));

    memcpy(at, &rounded, sizeof(rounded));
}

/* With n constant, all of it happens in registers. */
#define LOAD(i)                                                                                    \
    if ((i) <= n)                                                                                  \
        memcpy(&v[(i)-1], rows[(i)-1] + column, sizeof(v[0]));
#define EXCHANGE(a, b)                                                                             \
    if ((b) < n) {                                                                                 \
        const NAME(vec) low = LESSER(v[b], v[a]);                                                  \
                                                                                                   \
        v[b] = GREATER(v[a], v[b]);                                                                \
        v[a] = low;                                                                                \
    }
#define STORE(i)                                                                                   \
    if ((i) <= n)                                                                                  \
        memcpy(to + ((i)-1) * VX_CHUNK, &v[(i)-1], sizeof(v[0]));

INLINE void NAME(sort)(const T *const *rows, size_t n, size_t column,
                       NAME(vec) * v){ VX_NETWORK_COUNTS(LOAD) VX_NETWORK(EXCHANGE) }

INLINE void NAME(put_all)(const NAME(vec) * v, size_t n, T *to){ VX_NETWORK_COUNTS(STORE) }

#define SORTER(n)                                                                                  \
    static void NAME(sort_##n)(const T *const *rows, size_t column, T *sorted)                     \
    {                                                                                              \
        for (size_t k = 0; k < VX_CHUNK; k += NAME(LANES)) {                                       \
            NAME(vec) v[VX_NETWORK_MAX];                                                           \
                                                                                                   \
            NAME(sort)(rows, n, column + k, v);                                                    \
            NAME(put_all)(v, n, sorted + k);                                                       \
        }                                                                                          \
    }
VX_NETWORK_COUNTS(SORTER)

/* The two middle values: what else the network does is dead code. */
#define MIDDLE(n)                                                                                  \
    static void NAME(middle_##n)(const T *const *rows, size_t column, T *ret)                      \
    {                                                                                              \
        for (size_t k = 0; k < VX_CHUNK; k += NAME(LANES)) {                                       \
            NAME(vec) v[VX_NETWORK_MAX];                                                           \
                                                                                                   \
            NAME(sort)(rows, n, column + k, v);                                                    \
            memcpy(ret + k, &v[((n)-1) / 2], sizeof(v[0]));                                        \
            memcpy(ret + VX_CHUNK + k, &v[(n) / 2], sizeof(v[0]));                                 \
        }                                                                                          \
    }
    VX_NETWORK_COUNTS(MIDDLE)

#define SORT_ENTRY(n)   NAME(sort_##n),
#define MIDDLE_ENTRY(n) NAME(middle_##n),
        typedef void NAME(network)(const T *const *rows, size_t column, T *ret);
static NAME(network) *const NAME(sorters)[] = { VX_NETWORK_COUNTS(SORT_ENTRY) };
static NAME(network) *const NAME(middles)[] = { VX_NETWORK_COUNTS(MIDDLE_ENTRY) };
#undef LOAD
#undef EXCHANGE
#undef STORE
#undef SORTER
#undef MIDDLE
#undef SORT_ENTRY
#undef MIDDLE_ENTRY

/* Numbers as integers in the same order (-0 before 0), and back. */
INLINE NAME(keys) NAME(turn)(NAME(keys) v)
{
    const INT others = (INT)((UINT)-1 >> 1);

    return v ^ ((v < 0) & others);
}

/* The k-th smallest key (k from 0) in each place of tile (n registers). */
static NAME(keys) NAME(select_key)(const NAME(keys) * tile, size_t n, size_t k)
{
    NAME(bits) found = (NAME(bits)){ 0 } + ((UINT)1 << (8 * sizeof(T) - 1)); /* the least key */

    for (UINT bit = (UINT)1 << (8 * sizeof(T) - 1); bit > 0; bit >>= 1) {
        NAME(keys) tried = (NAME(keys))(found + bit), below = { 0 };
        NAME(bits) taken;

        for (size_t i = 0; i < n; i++)
            below -= tile[i] < tried;
        taken = (NAME(bits))(below <= (INT)k);
        found += taken & bit;
    }
    return (NAME(keys))found;
}

/* Two order statistics of each column, (2, VX_CHUNK). */
static void NAME(select_two)(const T *const *rows, size_t n, size_t column, size_t first,
                             size_t second, NAME(keys) * tile, T *ret)
{
    for (size_t k = 0; k < VX_CHUNK; k += NAME(LANES)) {
        NAME(keys) low, high;

        for (size_t i = 0; i < n; i++) {
            memcpy(&low, rows[i] + column + k, sizeof(low));
            tile[i] = NAME(turn)(low);
        }
        low = NAME(select_key)(tile, n, first);
        high = second == first ? low : NAME(select_key)(tile, n, second);
        low = NAME(turn)(low);
        high = NAME(turn)(high);
        memcpy(ret + k, &low, sizeof(low));
        memcpy(ret + VX_CHUNK + k, &high, sizeof(high));
    }
}

static void NAME(halve)(const T *low, const T *high, double *centre)
{
    for (size_t k = 0; k < VX_CHUNK; k += WIDE)
        store(0.5 * NAME(widen)(low + k) + 0.5 * NAME(widen)(high + k), centre + k);
}

static void NAME(mean_of_ranks)(const T *sorted, size_t from, size_t to, double *centre)
{
    for (size_t k = 0; k < VX_CHUNK; k += WIDE) {
        wide sum = { 0 };

        for (size_t i = from; i < to; i++)
            sum += NAME(widen)(sorted + i * VX_CHUNK + k);
        store(sum / (double)(to - from), centre + k);
    }
}

/* bound: the lowest and the highest value that are kept, (2, VX_CHUNK); some of those equal to
 * them may be cut. */
static void NAME(mean_within)(const T *const *rows, size_t n, size_t column, size_t f,
                              const T *bound, double *centre)
{
    const double kept = (double)(n - 2 * f);

    for (size_t k = 0; k < VX_CHUNK; k += WIDE) {
        wide low = NAME(widen)(bound + k), high = NAME(widen)(bound + VX_CHUNK + k);
        wide sum = { 0 }, lows, highs;
        wide_mask at_low = { 0 }, at_high = { 0 };

        for (size_t i = 0; i < n; i++) {
            wide v = NAME(widen)(rows[i] + column + k);

            at_low -= v <= low;
            at_high -= v >= high;
            sum += keep_where((v > low) & (v < high), v);
        }
        lows = __builtin_convertvector(at_low - (int64_t)f, wide);
        highs = __builtin_convertvector(at_high - (int64_t)f, wide);
        sum += lows * low + highs * high;
        store((wide)(((wide_mask)(sum / kept) & (low < high)) | ((wide_mask)low & ~(low < high))),
              centre + k);
    }
}

/* Sum of the `keep` values nearest to centre, no farther than the keep-th, which is `limit` away:
 * of those at the limit the first ones. */
static wide NAME(sum_nearest)(const T *const *rows, size_t n, size_t column, wide centre,
                              wide limit, size_t keep)
{
    wide sum = { 0 };
    wide_mask left = (wide_mask){ 0 } + (int64_t)keep;

    for (size_t i = 0; i < n; i++)
        left += size_of(NAME(widen)(rows[i] + column) - centre) < limit;
    for (size_t i = 0; i < n; i++) {
        wide v = NAME(widen)(rows[i] + column), apart = size_of(v - centre);
        wide_mask at_limit = (apart <= limit) & ~(apart < limit) & (left > 0);

        left += at_limit;
        sum += keep_where((apart < limit) | at_limit, v);
    }
    return sum;
}

/*
 * The `keep` nearest to the centre stand side by side in a sorted column. They begin behind rank j
 * when the value at j + keep is nearer than the one at j. True when some column is undecided: two
 * different values, at j and at j + keep, are equally far; limit is then that distance, else -1.
 */
static bool NAME(sum_window)(const T *sorted, size_t n, size_t keep, const double *centre,
                             double *limit, double *ret_sum)
{
    wide_mask some = { 0 };

    for (size_t k = 0; k < VX_CHUNK; k += WIDE) {
        const wide middle = load(centre + k);
        wide_mask passed[VX_NETWORK_MAX];
        wide at = spread(-1.0), sum = { 0 };

        for (size_t j = 0; j < n - keep; j++) {
            wide low = NAME(widen)(sorted + j * VX_CHUNK + k);
            wide high = NAME(widen)(sorted + (j + keep) * VX_CHUNK + k);
            wide below = middle - low, above = high - middle;
            wide_mask tie = (below >= above) & (below <= above) & (low < high);

            passed[j] = below > above;
            at = (wide)(((wide_mask)below & tie) | ((wide_mask)at & ~tie));
            some |= tie;
        }
        for (size_t i = 0; i < n; i++) {
            wide v = NAME(widen)(sorted + i * VX_CHUNK + k);

            if (i < n - keep)
                v = keep_where(~passed[i], v);
            if (i >= keep)
                v = keep_where(passed[i - keep], v);
            sum += v;
        }
        store(at, limit + k);
        store(sum, ret_sum + k);
    }
    for (size_t i = 0; i < WIDE; i++) {
        if (some[i] != 0)
            return true;
    }
    return false;
}

static void NAME(break_ties)(const T *const *rows, size_t n, size_t column, size_t keep,
                             const double *centre, const double *limit, double *sum)
{
    for (size_t k = 0; k < VX_CHUNK; k += WIDE) {
        wide at = load(limit + k), right;
        wide_mask tie = at >= 0.0;
        bool some = false;

        for (size_t i = 0; i < WIDE; i++)
            some = some || tie[i] != 0;
        if (!some)
            continue;
        right = NAME(sum_nearest)(rows, n, column + k, load(centre + k), at, keep);
        store((wide)(((wide_mask)right & tie) | ((wide_mask)load(sum + k) & ~tie)), sum + k);
    }
}

/* For many rows: the distance of the keep-th nearest, bit by bit. */
static void NAME(sum_by_limit)(const T *const *rows, size_t n, size_t column, size_t keep,
                               const double *centre, keys_f64 *tile, double *ret_sum)
{
    for (size_t k = 0; k < VX_CHUNK; k += WIDE) {
        wide middle = load(centre + k), limit;

        for (size_t i = 0; i < n; i++)
            tile[i] = (keys_f64)size_of(NAME(widen)(rows[i] + column + k) - middle);
        limit = (wide)select_key_f64(tile, n, keep - 1);
        store(NAME(sum_nearest)(rows, n, column + k, middle, limit, keep), ret_sum + k);
    }
}

static void NAME(few)(const vx_column_ask *ask, const T *const *rows, size_t n, size_t column,
                      const vx_column_work *work, double *ret)
{
    T *sorted = work->sorted;
    double centre[VX_CHUNK], limit[VX_CHUNK];

    if (ask->rule == VX_COLUMN_MEDIAN) {
        NAME(middles)[n - 1](rows, column, sorted);
        NAME(halve)(sorted, sorted + VX_CHUNK, ret);
        return;
    }
    NAME(sorters)[n - 1](rows, column, sorted);
    if (ask->rule == VX_COLUMN_TRIMMED) {
        NAME(mean_of_ranks)(sorted, ask->f, n - ask->f, ret);
        return;
    }
    if (is_about_median(ask))
        NAME(halve)(sorted + (n - 1) / 2 * VX_CHUNK, sorted + n / 2 * VX_CHUNK, centre);
    else
        NAME(mean_of_ranks)(sorted, ask->f, n - ask->f, centre);
    if (NAME(sum_window)(sorted, n, ask->keep, centre, limit, ret))
        NAME(break_ties)(rows, n, column, ask->keep, centre, limit, ret);
    for (size_t k = 0; k < VX_CHUNK; k += WIDE)
        store(load(ret + k) / (double)ask->keep, ret + k);
}

static void NAME(many)(const vx_column_ask *ask, const T *const *rows, size_t n, size_t column,
                       const vx_column_work *work, double *ret)
{
    T two[2 * VX_CHUNK];
    double centre[VX_CHUNK];

    if (is_about_median(ask)) {
        NAME(select_two)(rows, n, column, (n - 1) / 2, n / 2, work->tile, two);
        NAME(halve)(two, two + VX_CHUNK, centre);
    } else {
        NAME(select_two)(rows, n, column, ask->f, n - 1 - ask->f, work->tile, two);
        NAME(mean_within)(rows, n, column, ask->f, two, centre);
    }
    if (ask->rule == VX_COLUMN_MEDIAN || ask->rule == VX_COLUMN_TRIMMED) {
        memcpy(ret, centre, sizeof(centre));
        return;
    }
    NAME(sum_by_limit)(rows, n, column, ask->keep, centre, work->tile, ret);
    for (size_t k = 0; k < VX_CHUNK; k += WIDE)
        store(load(ret + k) / (double)ask->keep, ret + k);
}

static void NAME(run)(const vx_column_ask *ask, const T *const *rows, size_t n, size_t column,
                      const vx_column_work *work, T *ret)
{
    double result[VX_CHUNK];

    if (n <= VX_NETWORK_MAX)
        NAME(few)(ask, rows, n, column, work, result);
    else
        NAME(many)(ask, rows, n, column, work, result);
    for (size_t k = 0; k < VX_CHUNK; k += WIDE)
        NAME(narrow)(load(result + k), ret + k);
}

static double NAME(apart)(const T *row, const double *update, size_t width)
{
    wide sum[SUMS / WIDE] = { { 0 } };
    double lane[SUMS];

    for (size_t k = 0; k < width; k += SUMS) {
        for (size_t h = 0; h < SUMS / WIDE; h++) {
            wide d = NAME(widen)(row + k + h * WIDE) - load(update + k + h * WIDE);

            sum[h] += d * d;
        }
    }
    memcpy(lane, sum, sizeof(lane));
    return add_up(lane);
}
