#ifndef VX_SIMULATION_DISK_PRIVATE_H
#define VX_SIMULATION_DISK_PRIVATE_H
#include <simulation/disk.h>

#include <vx_base/rng.h>

#define SECTOR 512u

typedef enum sector_state { SECTOR_CLEAN, SECTOR_DIRTY, SECTOR_DROPPED } sector_state;

typedef struct image { /* the bytes of a file; room is a multiple of SECTOR, zero beyond size */
    uint8_t *at;       /* owned */
    uint64_t size, room;
} image;

typedef struct node node;

typedef struct entry {
    char *name; /* owned */
    node *to;
} entry;

typedef struct listing { /* what a folder holds, in no order */
    entry *at;           /* owned */
    size_t count;
} listing;

struct node { /* a file or a folder */
    node *next;
    bool is_folder, locked, reached;
    mode_t mode;
    unsigned names, handles; /* that lead to it now; 0 and 0: it takes no room */
    image now, durable;
    uint64_t size_low, size_high; /* since the last sync */
    uint8_t *states;              /* owned; sector_state of each sector of now.room */
    listing names_now, names_durable;
};

typedef enum change_kind { CHANGE_LINK, CHANGE_UNLINK, CHANGE_MOVE, CHANGE_EXCHANGE } change_kind;

typedef struct change { /* of the names in one folder, and not durable yet */
    change_kind kind;
    node *folder, *to; /* what name leads to (LINK), or has led to */
    node *other_to;    /* of EXCHANGE */
    char *name;        /* owned */
    char *other_name;  /* owned; the new one of MOVE, the second one of EXCHANGE */
} change;

typedef struct handle {
    int number; /* never used again */
    node *to;
    int flags;
    uint64_t offset;
    bool holds_lock;
} handle;

typedef struct failure {
    uint64_t left; /* 0 = none */
    int number;
} failure;

struct vx_sim_disk {
    vx_files files;
    vx_rng rng;
    uint64_t capacity;
    node *root, *nodes; /* owned, all of them; the root is one */
    size_t nodes_count, collect_at;
    change *changes; /* owned, oldest first */
    size_t changes_count;
    handle *handles; /* owned */
    size_t handles_count;
    int next_number;
    uint64_t counts[VX_SIM_OP_MAX];
    failure failures[VX_SIM_OP_MAX];
    uint64_t stop_in; /* 0 = not; 1 = now */
};

void *vx_sim_must(void *memory); /* ends the program when it is NULL */

/* disk_names.c */
node *vx_sim_node_create(vx_sim_disk *disk, bool is_folder, mode_t mode);
entry *vx_sim_listing_find(const listing *list, const char *name);
/* The folder that holds path, and its last name, "" for the root; or -errno. */
int vx_sim_path_parent(vx_sim_disk *disk, const char *path, node **ret_folder, char **ret_name);
int vx_sim_path_find(vx_sim_disk *disk, const char *path, node **ret_node);
/* Makes a change of what is there now, and remembers it. Borrows the names. */
void vx_sim_names_change(vx_sim_disk *disk, change wanted);
void vx_sim_folder_sync(vx_sim_disk *disk, node *folder);
/* Of the changes that are not durable, some become so. What nothing leads to is gone. */
void vx_sim_names_lose(vx_sim_disk *disk);
void vx_sim_nodes_collect(vx_sim_disk *disk); /* frees what can never be reached again */
void vx_sim_nodes_destroy(vx_sim_disk *disk);

/* disk_data.c */
void vx_sim_file_write(node *file, uint64_t offset, const void *at, uint64_t size);
void vx_sim_file_resize(node *file, uint64_t size);
void vx_sim_file_sync(node *file);
void vx_sim_file_sync_fail(vx_sim_disk *disk, node *file);
void vx_sim_file_lose(vx_sim_disk *disk, node *file);
void vx_sim_file_clear(node *file);
#endif
