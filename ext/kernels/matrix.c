/* Packing weights: see matrix.h. */
#include "kernels/matrix.h"

#include <string.h>

#include "base/common.h"
#include "base/memory.h"
#include "base/threads.h"

/* Full panels of `nvectors`; what is left makes one more, or two of two vectors. */
static size_t
count_full(const struct txe_kernels *kernels, size_t nvectors)
{
    const size_t full = nvectors / kernels->panel_vectors;
    const bool split =
        kernels->panel_vectors == 3 && nvectors % kernels->panel_vectors == 1;
    return split && full > 0 ? full - 1 : full;
}

size_t
txe_panel_count(const struct txe_kernels *kernels, size_t nvectors)
{
    const size_t full = count_full(kernels, nvectors);
    const size_t rest = nvectors - full * kernels->panel_vectors;
    return full + (rest > kernels->panel_vectors ? 2 : rest > 0);
}

struct txe_panel
txe_panel_at(const struct txe_kernels *kernels, size_t nvectors, size_t i)
{
    const size_t width = kernels->panel_vectors, full = count_full(kernels, nvectors);
    if (i < full)
        return (struct txe_panel){i * width, width};
    const size_t first = full * width + (i - full) * 2;
    return (struct txe_panel){first, TXE_MIN(nvectors - first, TXE_MAX(width - 1, 2))};
}

size_t
txe_steps(txe_precision precision, size_t K)
{
    const size_t per_step = precision == TXE_FLOAT32 ? 1
                            : precision == TXE_INT8  ? 4
                                                     : 2;
    return (K + per_step - 1) / per_step;
}

/* The parts of a packed matrix, before it is given out as const. */
struct packing {
    const struct txe_matrix *matrix;
    const struct txe_kernels *kernels;
    size_t steps, nvectors;
    uint32_t *panels;
    float *bias, *scale, *sum;
    uint32_t *scratch; /* [nworkers, lanes, steps] */
};

/* Row n of the matrix in the precision of the panels: `steps` steps. */
static void
lower_row(const struct packing *p, uint32_t *out, size_t n)
{
    const struct txe_matrix *m = p->matrix;
    const size_t per_part = m->N / m->nparts;
    const float *row = m->weight[n / per_part] + n % per_part * m->K;
    if (p->steps > 0)
        out[p->steps - 1] = 0; /* what K does not fill */
    if (m->precision == TXE_FLOAT32)
        memcpy(out, row, m->K * sizeof *row);
    else if (m->precision == TXE_BFLOAT16)
        p->kernels->to_bf16((uint16_t *)out, row, m->K);
    else
        p->kernels->quantize_weights((int8_t *)out, &p->scale[n], &p->sum[n], row,
                                     m->K);
}

static void
pack_panel(void *context, size_t index, size_t worker)
{
    const struct packing *p = context;
    const struct txe_kernels *kernels = p->kernels;
    const size_t lanes = kernels->lanes, N = p->matrix->N;
    const struct txe_panel panel = txe_panel_at(kernels, p->nvectors, index);
    const size_t width = panel.count * lanes;
    uint32_t *scratch = p->scratch + worker * lanes * p->steps;
    uint32_t *out = p->panels + panel.first * lanes * p->steps;
    if ((panel.first + panel.count) * lanes > N)
        memset(out, 0, width * p->steps * sizeof *out);
    for (size_t v = 0; v < panel.count; v++) {
        const size_t first = (panel.first + v) * lanes;
        const size_t n = TXE_MIN(lanes, N - first);
        for (size_t i = 0; i < n; i++)
            lower_row(p, scratch + i * p->steps, first + i);
        kernels->transpose(out + v * lanes, width, scratch, p->steps, n, p->steps);
    }
}

/* Columns that have a scale and a sum, those beyond N among them. */
static size_t
count_scales(const struct packing *p)
{
    return p->matrix->precision == TXE_INT8 ? p->nvectors * p->kernels->lanes : 0;
}

/* Places the parts of a packed matrix; returns where its head is. */
static struct txe_packed *
lay_out(struct packing *p, struct txe_layout *layout)
{
    const size_t vector = p->nvectors * p->kernels->lanes;
    struct txe_packed *head = txe_place(layout, 1, sizeof *head);
    size_t size = 0;
    if (!txe_mul_size(vector, p->steps, &size))
        layout->overflow = true;
    p->panels = txe_place(layout, size, sizeof *p->panels);
    p->bias = txe_place(layout, vector, sizeof *p->bias);
    p->scale = txe_place(layout, count_scales(p), sizeof *p->scale);
    p->sum = txe_place(layout, count_scales(p), sizeof *p->sum);
    return head;
}

static txe_status
pack(struct txe_packed **out, const struct txe_matrix *m,
     const struct txe_kernels *kernels, struct txe_error *err)
{
    const size_t lanes = kernels->lanes, nworkers = txe_threads_get();
    const size_t nvectors = (m->N + lanes - 1) / lanes;
    const size_t steps = txe_steps(m->precision, m->K), vector = nvectors * lanes;
    size_t size;
    struct packing p = {
        .matrix = m, .kernels = kernels, .steps = steps, .nvectors = nvectors};
    struct txe_layout layout = {0};
    lay_out(&p, &layout);
    if (!layout.overflow)
        layout.memory = txe_alloc_lines(layout.nbytes);
    if (layout.memory != NULL && txe_mul_size(nworkers * lanes, steps, &size))
        p.scratch = txe_alloc(size, sizeof *p.scratch);
    if (p.scratch == NULL) {
        free(layout.memory);
        return txe_fail(err, TXE_ENOMEM,
                        "out of memory: weights of %zu x %zu as the kernels want them",
                        m->N, m->K);
    }
    layout.nbytes = 0;
    struct txe_packed *head = lay_out(&p, &layout);
    memset(p.bias, 0, vector * sizeof *p.bias);
    memset(p.scale, 0, count_scales(&p) * sizeof *p.scale);
    memset(p.sum, 0, count_scales(&p) * sizeof *p.sum);
    const size_t per_part = m->N / m->nparts;
    for (size_t i = 0; i < m->nparts; i++)
        if (m->bias[i] != NULL)
            memcpy(p.bias + i * per_part, m->bias[i], per_part * sizeof *p.bias);
    txe_parallel_for(txe_panel_count(kernels, nvectors), nworkers, pack_panel, &p);
    free(p.scratch);
    *out = head;
    *head = (struct txe_packed){m->precision, m->N,   steps,   nvectors,
                                p.panels,     p.bias, p.scale, p.sum};
    return TXE_OK;
}

txe_status
txe_matrix_pack(const struct txe_packed **out, struct txe_matrix *matrix,
                const struct txe_kernels *kernels, struct txe_error *err)
{
    struct txe_packed *packed = atomic_load(&matrix->packed);
    if (packed == NULL) {
        struct txe_packed *ours = NULL;
        TXE_TRY(pack(&ours, matrix, kernels, err));
        /* Another thread may have been quicker: then its work stands. */
        if (atomic_compare_exchange_strong(&matrix->packed, &packed, ours))
            packed = ours;
        else
            free(ours);
        for (size_t i = 0; i < matrix->nparts; i++)
            txe_pages_drop(matrix->weight[i], matrix->N / matrix->nparts * matrix->K *
                                                  sizeof *matrix->weight[i]);
    }
    *out = packed;
    return TXE_OK;
}

void
txe_matrix_free(struct txe_matrix *matrix)
{
    free(atomic_exchange(&matrix->packed, NULL));
}
