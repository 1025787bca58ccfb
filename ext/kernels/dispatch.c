/* Which table of kernels to use: see kernels.h. */
#include "kernels/kernels.h"

#include <stdio.h>
#include <string.h>

#include "base/common.h"
#include "base/cpu.h"

txe_status
txe_kernels_choose(const struct txe_kernels **out, const char *name,
                   struct txe_error *err)
{
    const struct txe_cpu cpu = txe_cpu_detect();
    /* Best first; NULL where the machine or the compiler does not have it. */
    const struct txe_kernels *tables[] = {
        cpu.avx512 ? txe_kernels_avx512() : NULL,
        cpu.avx2 ? txe_kernels_avx2() : NULL,
        txe_kernels_scalar(),
    };
    char possible[64] = "";
    for (size_t i = 0; i < TXE_LEN(tables); i++) {
        if (tables[i] == NULL)
            continue;
        if (name == NULL || name[0] == '\0' || strcmp(name, tables[i]->name) == 0) {
            *out = tables[i];
            return TXE_OK;
        }
        size_t used = strlen(possible);
        snprintf(possible + used, sizeof possible - used, "%s\"%s\"",
                 used != 0 ? ", " : "", tables[i]->name);
    }
    return txe_fail(err, TXE_EVALUE,
                    "instruction set \"%s\" is unknown or not to be had on this "
                    "machine; possible here: %s",
                    name, possible);
}
