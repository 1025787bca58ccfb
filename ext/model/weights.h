/* The parameters of a model: their names, shapes and where the forward pass finds them.
 *
 * The families are tables over one set of structs: weights.c holds, for each family,
 * the state-dict name of every pointer below. */
#ifndef TXE_MODEL_WEIGHTS_H
#define TXE_MODEL_WEIGHTS_H

#include "model/config.h"

/* y = x weight^T + bias; weight [out, in], bias [out]. */
struct txe_linear_weights {
    const txe_real *weight, *bias;
};

/* LayerNorm: gamma, beta [width]. */
struct txe_norm_weights {
    const txe_real *gamma, *beta;
};

/* An activation's own parameters, one number each; NULL beyond those it has. */
struct txe_act_weights {
    const txe_real *params[TXE_MAX_ACT_PARAMS];
};

/* They as kernels take them; returns params. */
static inline const txe_real *
txe_act_params(txe_real params[TXE_MAX_ACT_PARAMS], txe_activation act,
               const struct txe_act_weights *weights)
{
    for (size_t i = 0; i < txe_activation_nparams(act); i++)
        params[i] = *weights->params[i];
    return params;
}

struct txe_layer_weights {
    struct txe_linear_weights query, key, value, output; /* [C, C] */
    struct txe_norm_weights attention_norm;              /* [C] */
    struct txe_linear_weights up;                        /* [F, C] */
    struct txe_linear_weights down;                      /* [C, F] */
    struct txe_norm_weights output_norm;                 /* [C] */
    struct txe_act_weights act;
};

struct txe_masked_lm_weights {
    struct txe_linear_weights dense; /* [E, C] */
    struct txe_act_weights act;
    struct txe_norm_weights norm;      /* [E] */
    struct txe_linear_weights decoder; /* [V, E] */
    const txe_real *bias; /* [V]; in BERT's, RoBERTa's and ALBERT's state dicts only:
                          decoder.bias is what is added */
};

struct txe_weights {
    const txe_real *word;                 /* [V, E] */
    const txe_real *position;             /* [max_positions, E] */
    const txe_real *type;                 /* [type_vocab_size, E]; or NULL */
    struct txe_norm_weights norm;         /* [E] */
    struct txe_linear_weights projection; /* [C, E]; see txe_config_projects */
    struct txe_linear_weights pooler; /* [C, C]; or a classifier's own first layer */
    struct txe_act_weights pooler_act;
    struct txe_masked_lm_weights masked_lm;
    struct txe_linear_weights classifier; /* [K, C] */
    struct txe_layer_weights *layers;     /* [txe_config_nlayers] */
};

/* How a new parameter is drawn (BERT, section A.2 of arXiv 1810.04805 and its code). */
typedef enum {
    TXE_INIT_NORMAL, /* N(0, initializer_range) */
    TXE_INIT_PADDED, /* the same, with row pad_token_id zero */
    TXE_INIT_ZEROS,
    TXE_INIT_ONES,
    TXE_INIT_ACTIVATION /* the activation's published start */
} txe_init;

#define TXE_MAX_NAME 192

struct txe_param {
    char name[TXE_MAX_NAME]; /* as in the state dict, head and prefix included */
    size_t ndim, shape[2];   /* ndim 0 to 2 */
    txe_init init;
    const txe_real **slot; /* where its pointer lives in the struct txe_weights given */
};

/* Room for the layers of a model with `config` (checked); all pointers NULL.  Free with
 * txe_weights_free; the arrays themselves belong to the caller. */
txe_status txe_weights_init(struct txe_weights *weights,
                            const struct txe_config *config, struct txe_error *err);
void txe_weights_free(struct txe_weights *weights);

/* Lists every parameter in state-dict order, but for the parameters of an activation in
 * DistilBERT's vocabulary head, which stand with the head.  *params (free with free())
 * points into *weights, which must outlive it and not move. */
txe_status txe_weights_list(struct txe_param **params, size_t *nparams,
                            struct txe_weights *weights,
                            const struct txe_config *config, struct txe_error *err);

#endif
