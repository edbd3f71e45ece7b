#include "disk_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_MIN 256

node *vx_sim_node_create(vx_sim_disk *disk, bool is_folder, mode_t mode)
{
    node *made = vx_sim_must(calloc(1, sizeof(*made)));

    made->is_folder = is_folder;
    made->mode = mode;
    made->next = disk->nodes;
    disk->nodes = made;
    disk->nodes_count++;
    return made;
}

entry *vx_sim_listing_find(const listing *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i].name, name) == 0)
            return &list->at[i];
    return NULL;
}

static node *find(const listing *list, const char *name)
{
    const entry *found = vx_sim_listing_find(list, name);

    return found != NULL ? found->to : NULL;
}

static void listing_put(listing *list, const char *name, node *to)
{
    entry *found = vx_sim_listing_find(list, name);

    if (found != NULL) {
        found->to = to;
        return;
    }
    list->at = vx_sim_must(realloc(list->at, (list->count + 1) * sizeof(*list->at)));
    list->at[list->count++] = (entry){ vx_sim_must(strdup(name)), to };
}

static void listing_take(listing *list, const char *name)
{
    entry *found = vx_sim_listing_find(list, name);

    free(found->name);
    *found = list->at[--list->count];
}

static void listing_clear(listing *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->at[i].name);
    free(list->at);
    *list = (listing){ 0 };
}

static void listing_copy(listing *to, const listing *from)
{
    listing_clear(to);
    for (size_t i = 0; i < from->count; i++)
        listing_put(to, from->at[i].name, from->at[i].to);
}

int vx_sim_path_parent(vx_sim_disk *disk, const char *path, node **ret_folder, char **ret_name)
{
    node *folder = disk->root;
    char *copy = vx_sim_must(strdup(path));
    char *rest = copy;
    char *last = vx_sim_must(strdup(""));
    int result = path[0] == '\0' ? -ENOENT : 0;

    for (char *part = strtok_r(copy, "/", &rest); result == 0 && part != NULL;
         part = strtok_r(NULL, "/", &rest)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (last[0] != '\0') {
            folder = find(&folder->names_now, last);
            result = folder == NULL ? -ENOENT : (folder->is_folder ? 0 : -ENOTDIR);
        }
        free(last);
        last = vx_sim_must(strdup(part));
    }
    free(copy);
    if (result < 0) {
        free(last);
        return result;
    }
    *ret_folder = folder;
    *ret_name = last;
    return 0;
}

int vx_sim_path_find(vx_sim_disk *disk, const char *path, node **ret_node)
{
    node *folder = NULL;
    node *found = NULL;
    char *name = NULL;
    int result = vx_sim_path_parent(disk, path, &folder, &name);

    if (result < 0)
        return result;
    found = name[0] == '\0' ? disk->root : find(&folder->names_now, name);
    free(name);
    if (found == NULL)
        return -ENOENT;
    *ret_node = found;
    return 0;
}

/* Whether the change can be made in this listing: durable ones come to lack those before it. */
static bool fits(const listing *list, const change *c, bool durable)
{
    const node *found = find(list, c->name);
    const node *target = c->other_name != NULL ? find(list, c->other_name) : NULL;

    if (c->kind == CHANGE_LINK || found == NULL)
        return c->kind == CHANGE_LINK && found == NULL;
    switch (c->kind) {
    case CHANGE_LINK:
        break;
    case CHANGE_UNLINK:
        return found == c->to && !(durable && found->names_durable.count > 0);
    case CHANGE_MOVE:
        return found == c->to && !(durable && target != NULL && target->names_durable.count > 0);
    case CHANGE_EXCHANGE:
        return found == c->to && target == c->other_to;
    }
    return false;
}

static void make(listing *list, const change *c)
{
    switch (c->kind) {
    case CHANGE_LINK:
        listing_put(list, c->name, c->to);
        break;
    case CHANGE_UNLINK:
        listing_take(list, c->name);
        break;
    case CHANGE_MOVE:
        listing_take(list, c->name);
        listing_put(list, c->other_name, c->to);
        break;
    case CHANGE_EXCHANGE:
        listing_put(list, c->name, c->other_to);
        listing_put(list, c->other_name, c->to);
        break;
    }
}

void vx_sim_names_change(vx_sim_disk *disk, change wanted)
{
    listing *list = &wanted.folder->names_now;
    node *replaced = wanted.kind == CHANGE_MOVE ? find(list, wanted.other_name) : NULL;

    if (!fits(list, &wanted, false))
        abort();
    make(list, &wanted);
    wanted.to->names += wanted.kind == CHANGE_LINK;
    wanted.to->names -= wanted.kind == CHANGE_UNLINK;
    if (replaced != NULL)
        replaced->names--;
    wanted.name = vx_sim_must(strdup(wanted.name));
    if (wanted.other_name != NULL)
        wanted.other_name = vx_sim_must(strdup(wanted.other_name));
    disk->changes = vx_sim_must(realloc(disk->changes, (disk->changes_count + 1) * sizeof(wanted)));
    disk->changes[disk->changes_count++] = wanted;
}

static void change_clear(change *c)
{
    free(c->name);
    free(c->other_name);
}

void vx_sim_folder_sync(vx_sim_disk *disk, node *folder)
{
    size_t kept = 0;

    listing_copy(&folder->names_durable, &folder->names_now);
    for (size_t i = 0; i < disk->changes_count; i++) {
        if (disk->changes[i].folder == folder)
            change_clear(&disk->changes[i]);
        else
            disk->changes[kept++] = disk->changes[i];
    }
    disk->changes_count = kept;
}

/* Any of them, or all up to one. */
static void changes_lose(vx_sim_disk *disk)
{
    bool any = vx_rng_below(&disk->rng, 2) == 0;
    uint64_t until = vx_rng_below(&disk->rng, disk->changes_count + 1);

    for (size_t i = 0; i < disk->changes_count; i++) {
        change *c = &disk->changes[i];
        bool kept = any ? vx_rng_below(&disk->rng, 2) == 0 : i < until;

        if (kept && fits(&c->folder->names_durable, c, true))
            make(&c->folder->names_durable, c);
        change_clear(c);
    }
    disk->changes_count = 0;
}

static void node_destroy(node *old)
{
    vx_sim_file_clear(old);
    listing_clear(&old->names_now);
    listing_clear(&old->names_durable);
    free(old);
}

static void nodes_keep_reached(vx_sim_disk *disk)
{
    node **link = &disk->nodes;

    while (*link != NULL) {
        node *old = *link;

        if (old->reached) {
            link = &old->next;
            continue;
        }
        *link = old->next;
        disk->nodes_count--;
        node_destroy(old);
    }
}

static bool reach_all(const listing *list)
{
    bool more = false;

    for (size_t i = 0; i < list->count; i++) {
        more |= !list->at[i].to->reached;
        list->at[i].to->reached = true;
    }
    return more;
}

static void reach_from_roots(vx_sim_disk *disk)
{
    bool more = true;

    while (more) {
        more = false;
        for (node *n = disk->nodes; n != NULL; n = n->next) {
            if (!n->reached)
                continue;
            more |= reach_all(&n->names_now);
            more |= reach_all(&n->names_durable);
        }
    }
}

void vx_sim_nodes_collect(vx_sim_disk *disk)
{
    if (disk->nodes_count < disk->collect_at)
        return;
    for (node *n = disk->nodes; n != NULL; n = n->next)
        n->reached = n == disk->root || n->handles > 0;
    for (size_t i = 0; i < disk->changes_count; i++) {
        const change *c = &disk->changes[i];

        c->folder->reached = c->to->reached = true;
        if (c->other_to != NULL)
            c->other_to->reached = true;
    }
    reach_from_roots(disk);
    nodes_keep_reached(disk);
    disk->collect_at = 2 * disk->nodes_count + COLLECT_MIN;
}

void vx_sim_names_lose(vx_sim_disk *disk)
{
    changes_lose(disk);
    for (node *n = disk->nodes; n != NULL; n = n->next) {
        listing_copy(&n->names_now, &n->names_durable);
        n->reached = n == disk->root;
        n->names = 0;
    }
    reach_from_roots(disk);
    nodes_keep_reached(disk);
    for (const node *n = disk->nodes; n != NULL; n = n->next)
        for (size_t i = 0; i < n->names_now.count; i++)
            n->names_now.at[i].to->names++;
}

void vx_sim_nodes_destroy(vx_sim_disk *disk)
{
    for (size_t i = 0; i < disk->changes_count; i++)
        change_clear(&disk->changes[i]);
    free(disk->changes);
    while (disk->nodes != NULL) {
        node *next = disk->nodes->next;

        node_destroy(disk->nodes);
        disk->nodes = next;
    }
}
