#include <vx_place/place.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hwloc.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

/* A machine, and what of it may be used. */
typedef struct machine {
    hwloc_topology_t topology;
    hwloc_bitmap_t allowed;
    bool loaded;
} machine;

static void machine_close(machine *self)
{
    hwloc_bitmap_free(self->allowed); /* takes NULL */
    if (self->loaded)
        hwloc_topology_destroy(self->topology);
}

/* text: NULL = this one. */
static vx_status machine_open(machine *self, const char *text, const char *cpus, vx_error *err)
{
    *self = (machine){ .allowed = hwloc_bitmap_alloc() };
    if (self->allowed == NULL || hwloc_topology_init(&self->topology) != 0)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for the topology of the machine");
    self->loaded = true;
    if (text != NULL && hwloc_topology_set_synthetic(self->topology, text) != 0)
        return vx_fail(err, VX_ERR_CONFIG, "'%s' describes no machine", text);
    if (hwloc_topology_load(self->topology) != 0)
        return vx_fail(err, VX_ERR_SYSTEM, "cannot read the topology of the machine: %s",
                       strerror(errno));
    if (cpus != NULL && hwloc_bitmap_list_sscanf(self->allowed, cpus) != 0)
        return vx_fail(err, VX_ERR_CONFIG, "'%s' is no list of processors", cpus);
    if (cpus == NULL && (text != NULL || hwloc_get_cpubind(self->topology, self->allowed,
                                                           HWLOC_CPUBIND_PROCESS) != 0))
        hwloc_bitmap_fill(self->allowed);
    hwloc_bitmap_and(self->allowed, self->allowed,
                     hwloc_topology_get_topology_cpuset(self->topology));
    if (hwloc_bitmap_iszero(self->allowed))
        return vx_fail(err, VX_ERR_SYSTEM, "this process may use no processor of the machine");
    return VX_OK;
}

/* A machine whose cores are not known has processors. */
static hwloc_obj_type_t core_type(const machine *self)
{
    return hwloc_get_nbobjs_by_type(self->topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE
                                                                        : HWLOC_OBJ_PU;
}

static int node_of(const machine *self, hwloc_const_cpuset_t set)
{
    for (hwloc_obj_t node = NULL;
         (node = hwloc_get_next_obj_by_type(self->topology, HWLOC_OBJ_NUMANODE, node)) != NULL;)
        if (hwloc_bitmap_isincluded(set, node->cpuset))
            return (int)node->os_index;
    return -1;
}

/* The cores that may be used, in the order of the topology. */
static vx_status list_cores(const machine *self, hwloc_obj_t **ret_cores, size_t *ret_count,
                            vx_error *err)
{
    hwloc_obj_type_t type = core_type(self);
    int all = hwloc_get_nbobjs_by_type(self->topology, type);
    hwloc_obj_t *cores = vx_calloc(all > 0 ? (size_t)all : 1, sizeof(hwloc_obj_t));
    size_t count = 0;

    if (cores == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for the topology of the machine");
    for (hwloc_obj_t core = NULL;
         (core = hwloc_get_next_obj_by_type(self->topology, type, core)) != NULL;)
        if (hwloc_bitmap_intersects(core->cpuset, self->allowed))
            cores[count++] = core;
    if (count == 0) {
        vx_free(cores);
        return vx_fail(err, VX_ERR_SYSTEM, "this process may use no core of the machine");
    }
    *ret_cores = cores;
    *ret_count = count;
    return VX_OK;
}

/* How many cores from `at` on are on one node. */
static size_t run_length(const machine *self, const hwloc_obj_t *cores, size_t count, size_t at)
{
    int node = node_of(self, cores[at]->cpuset);
    size_t length = 1;

    while (at + length < count && node_of(self, cores[at + length]->cpuset) == node)
        length++;
    return length;
}

/* Where the shares of `each` cores begin, when none is to lie on two nodes: the first core of share
 * `index`. count: there are not so many shares. */
static size_t begin_within_nodes(const machine *self, const hwloc_obj_t *cores, size_t count,
                                 size_t each, size_t index)
{
    for (size_t at = 0; at < count;) {
        size_t length = run_length(self, cores, count, at);
        size_t shares = length / each;

        if (index < shares)
            return at + index * each;
        index -= shares;
        at += length;
    }
    return count;
}

static vx_place describe(const machine *self, hwloc_const_cpuset_t set, size_t cores)
{
    vx_place place = { .cores = (uint32_t)cores };
    int size = hwloc_bitmap_list_snprintf(place.cpus, sizeof(place.cpus), set);

    if (size < 0 || (size_t)size >= sizeof(place.cpus))
        memcpy(place.cpus + sizeof(place.cpus) - 4, "...", 4);
    place.processors = (uint32_t)hwloc_bitmap_weight(set);
    place.node = node_of(self, set);
    return place;
}

static vx_status share(const machine *self, size_t index, size_t count, bool bind, bool *ret_own,
                       vx_place *ret_place, vx_error *err)
{
    hwloc_bitmap_t set = hwloc_bitmap_dup(self->allowed);
    hwloc_obj_t *cores = NULL;
    size_t cores_count = 0;
    size_t each = 0;
    bool own = false;
    vx_status status = set != NULL ? list_cores(self, &cores, &cores_count, err)
                                   : vx_fail(err, VX_ERR_NOMEM, "no memory for a set of cores");

    VX_ASSERT(index < count);
    if (status != VX_OK)
        goto out;
    own = cores_count >= count && count > 1;
    each = own ? cores_count / count : cores_count;
    if (own) {
        bool whole = begin_within_nodes(self, cores, cores_count, each, count - 1) < cores_count;
        size_t begin =
            whole ? begin_within_nodes(self, cores, cores_count, each, index) : index * each;

        hwloc_bitmap_zero(set);
        for (size_t i = begin; i < begin + each; i++)
            hwloc_bitmap_or(set, set, cores[i]->cpuset);
        hwloc_bitmap_and(set, set, self->allowed);
    }
    if (bind && own &&
        hwloc_set_cpubind(self->topology, set, HWLOC_CPUBIND_PROCESS | HWLOC_CPUBIND_STRICT) != 0)
        status = vx_fail(err, VX_ERR_SYSTEM, "cannot be bound to cores: %s", strerror(errno));
    if (status == VX_OK) {
        *ret_place = describe(self, set, each);
        *ret_own = own;
    }
out:
    hwloc_bitmap_free(set);
    vx_free(cores);
    return status;
}

vx_status vx_place_share(size_t index, size_t count, bool bind, bool *ret_own, vx_place *ret_place,
                         vx_error *err)
{
    machine self;
    vx_status status = machine_open(&self, NULL, NULL, err);

    if (status == VX_OK)
        status = share(&self, index, count, bind, ret_own, ret_place, err);
    machine_close(&self);
    return status;
}

vx_status vx_place_share_of(const char *text, const char *cpus, size_t index, size_t count,
                            bool *ret_own, vx_place *ret_place, vx_error *err)
{
    machine self;
    vx_status status = machine_open(&self, text, cpus, err);

    if (status == VX_OK)
        status = share(&self, index, count, false, ret_own, ret_place, err);
    machine_close(&self);
    return status;
}

vx_status vx_place_here(vx_place *ret_place, vx_error *err)
{
    bool own = false;

    return vx_place_share(0, 1, false, &own, ret_place, err);
}

uint32_t vx_place_processors(void)
{
    cpu_set_t set; /* for more than 1024 of them the call fails, and none is left out */
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
    return online > 0 ? (uint32_t)online : 1;
}
