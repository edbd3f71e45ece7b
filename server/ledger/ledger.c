#include <vx_ledger/ledger.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "database.h"
#include "ledger_state.h"
#include "record.h"

vx_status vx_ledger_open(const char *run_dir, vx_digest config, vx_ledger_durability durability,
                         vx_ledger **ret_ledger, vx_error *err)
{
    vx_status status = VX_ERR_NOMEM;
    vx_ledger *ledger = vx_calloc(1, sizeof(*ledger));

    vx_database_use_our_heap();
    if (ledger == NULL)
        return vx_fail(err, status, "%s: no memory to open its ledger", run_dir);
    ledger->durability = durability;
    ledger->path = vx_path_join(run_dir, VX_LEDGER_FILE);
    ledger->record = vx_malloc(VX_LEDGER_RECORD_MAX);
    if (ledger->path == NULL || ledger->record == NULL) {
        vx_fail(err, status, "%s: no memory to open its ledger", run_dir);
        goto out;
    }
    status = vx_ledger_open_database(ledger, config, err);
    if (status != VX_OK)
        goto out;
    *ret_ledger = ledger;
    ledger = NULL; /* moved to the caller */
out:
    vx_ledger_close(ledger);
    return status;
}

vx_ledger *vx_ledger_close(vx_ledger *ledger)
{
    if (ledger == NULL)
        return NULL;
    for (size_t i = 0; i < VX_LEDGER_STATEMENTS; i++)
        sqlite3_finalize(ledger->statements[i]);
    /* What stands in the log of a broken ledger is judged by the next open, not synced again. */
    if (ledger->broken.code != VX_OK)
        sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(ledger->db);
    vx_free(ledger->record);
    vx_free(ledger->path);
    vx_free(ledger);
    return NULL;
}

void vx_ledger_range(const vx_ledger *ledger, uint64_t *ret_first, uint64_t *ret_end)
{
    *ret_first = ledger->first;
    *ret_end = ledger->end;
}
