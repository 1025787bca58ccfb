/* Which table of kernels to use: see kernels.h. */
#include "kernels/kernels.h"

#include <stdio.h>
#include <string.h>

#include "base/common.h"
#include "base/cpu.h"

const char *const txe_isa_names[TXE_NISAS] = {
    "scalar", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "avx512_amx",
};

/* Fills the table of txe_isa_names[isa]; false where it is not to be had. */
static bool
fill_table(struct txe_kernels *out, size_t isa, const struct txe_cpu *cpu)
{
    switch (isa) {
    case 0:
        return txe_kernels_scalar(out);
    case 1:
        return cpu->avx2 && txe_kernels_avx2(out);
    case 2:
        return cpu->avx_vnni && txe_kernels_avx2(out) && txe_kernels_avx2_vnni(out);
    case 3:
        return cpu->avx512 && txe_kernels_avx512(out);
    case 4:
        return cpu->avx512_vnni && txe_kernels_avx512(out) &&
               txe_kernels_avx512_vnni(out);
    case 5:
        return cpu->avx512_vnni && cpu->avx512_bf16 && txe_kernels_avx512(out) &&
               txe_kernels_avx512_vnni(out) && txe_kernels_avx512_bf16(out);
    default:
        return cpu->avx512 && cpu->amx && txe_kernels_avx512(out) &&
               txe_kernels_avx512_amx(out) && txe_cpu_allow_amx();
    }
}

txe_status
txe_kernels_choose(struct txe_kernels *out, const char *name, struct txe_error *err)
{
    const struct txe_cpu cpu = txe_cpu_detect();
    char possible[128] = "";
    for (size_t i = TXE_NISAS; i-- > 0;) {
        if (!fill_table(out, i, &cpu))
            continue;
        if (name == NULL || name[0] == '\0' || strcmp(name, txe_isa_names[i]) == 0)
            return TXE_OK;
        size_t used = strlen(possible);
        snprintf(possible + used, sizeof possible - used, "%s\"%s\"",
                 used != 0 ? ", " : "", txe_isa_names[i]);
    }
    return txe_fail(err, TXE_EVALUE,
                    "instruction set \"%s\" is unknown or not to be had on this "
                    "machine; possible here: %s",
                    name, possible);
}
