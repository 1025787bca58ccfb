/* Truncation, templates and rows: see postprocess.h. */
#include "text/postprocess.h"

#include <string.h>

struct txe_post *
txe_post_new(void)
{
    struct txe_post *post = txe_calloc(1, sizeof *post);
    if (post == NULL)
        return NULL;
    atomic_init(&post->nrefs, 1);
    post->single.npieces = 1;
    post->single.pieces[0] = (struct txe_piece){TXE_PIECE_A, 0, 0};
    post->pair.npieces = 2;
    post->pair.pieces[0] = (struct txe_piece){TXE_PIECE_A, 0, 0};
    post->pair.pieces[1] = (struct txe_piece){TXE_PIECE_B, 1, 0};
    return post;
}

struct txe_post *
txe_post_retain(struct txe_post *post)
{
    atomic_fetch_add_explicit(&post->nrefs, 1, memory_order_relaxed);
    return post;
}

void
txe_post_release(struct txe_post *post)
{
    if (post != NULL &&
        atomic_fetch_sub_explicit(&post->nrefs, 1, memory_order_acq_rel) == 1)
        free(post);
}

/* ---- how long each text may be ---- */

txe_status
txe_truncate_check(const struct txe_post *post,
                   const struct txe_truncate_options *options, struct txe_error *err)
{
    size_t nspecial = post->single.nspecial;
    if (options->strategy == TXE_TRUNCATE_NONE || options->max_length < nspecial ||
        options->stride <= options->max_length - nspecial)
        return TXE_OK;
    return txe_fail(err, TXE_EVALUE,
                    "stride %zu does not fit: max_length %zu less %zu special tokens "
                    "leaves %zu",
                    options->stride, options->max_length, nspecial,
                    options->max_length - nspecial);
}

size_t
txe_truncate_limit(const struct txe_post *post,
                   const struct txe_truncate_options *options)
{
    size_t nspecial = options->add_special_tokens ? post->single.nspecial : 0;
    bool cuts = options->strategy == TXE_TRUNCATE_LONGEST_FIRST ||
                options->strategy == TXE_TRUNCATE_ONLY_FIRST;
    if (!cuts || options->left || options->overflow || options->max_length < nspecial)
        return SIZE_MAX;
    return options->max_length - nspecial + 1; /* one more shows that there is more */
}

/* What two texts of n1 and n2 tokens keep of `room`: as if one token after the other
 * had been taken from the longer, which in the end leaves both half. */
static void
share_room(size_t n1, size_t n2, size_t room, size_t *keep1, size_t *keep2)
{
    size_t shorter = TXE_MIN(n1, n2), longer;
    if (shorter > room)
        longer = shorter;
    else
        longer = TXE_MAX(shorter, room - shorter);
    if (shorter + longer > room) {
        shorter = room / 2;
        longer = shorter + room % 2;
    }
    *keep1 = n1 > n2 ? longer : shorter;
    *keep2 = n1 > n2 ? shorter : longer;
}

/* Tokens that a and b may keep, at most those they have. */
static txe_status
find_lengths(const struct txe_truncate_options *options, size_t nspecial, size_t na,
             const size_t *nb, size_t *keep_a, size_t *keep_b, struct txe_error *err)
{
    size_t total = na + (nb != NULL ? *nb : 0);
    *keep_a = na;
    *keep_b = nb != NULL ? *nb : 0;
    if (options->strategy == TXE_TRUNCATE_NONE)
        return TXE_OK;
    size_t room = options->max_length;
    if (options->add_special_tokens) {
        /* The reference computes this without looking at the sign: a length below the
         * number of special tokens then is no limit at all. */
        if (room < nspecial)
            return TXE_OK;
        room -= nspecial;
    }
    if (room == 0) {
        *keep_a = *keep_b = 0;
        return TXE_OK;
    }
    if (total <= room)
        return TXE_OK;
    if (options->strategy == TXE_TRUNCATE_LONGEST_FIRST) {
        if (nb != NULL)
            share_room(na, *nb, room, keep_a, keep_b);
        else
            *keep_a = room;
        *keep_a = TXE_MIN(*keep_a, na);
        *keep_b = nb != NULL ? TXE_MIN(*keep_b, *nb) : 0;
        return TXE_OK;
    }
    bool second = options->strategy == TXE_TRUNCATE_ONLY_SECOND;
    if (second && nb == NULL)
        return txe_fail(err, TXE_EVALUE,
                        "truncation 'only_second': there is no second text");
    size_t *keep = second ? keep_b : keep_a;
    size_t remove = total - room;
    if (*keep <= remove)
        return txe_fail(err, TXE_EVALUE,
                        "truncation '%s': %zu tokens have to go to respect max_length "
                        "%zu, and the %s text has only %zu",
                        second ? "only_second" : "only_first", remove,
                        options->max_length, second ? "second" : "first", *keep);
    *keep -= remove;
    return TXE_OK;
}

/* ---- the pieces that truncation makes of a text ---- */

/* Part 0 is what is kept, the others are what was cut off. */
struct parts {
    const struct txe_tokens *tokens;
    size_t count;  /* of parts */
    size_t length; /* of each but the last, in tokens */
    size_t step;   /* from one to the next */
    bool left;
};

struct part {
    size_t start, end;
};

static txe_status
make_parts(struct parts *parts, const struct txe_tokens *tokens, size_t keep,
           const struct txe_truncate_options *options, struct txe_error *err)
{
    *parts = (struct parts){tokens, 1, keep, 1, options->left};
    if (keep == tokens->count)
        return TXE_OK;
    if (keep == 0) {
        parts->count = 2;
        return TXE_OK;
    }
    if (options->stride >= keep)
        return txe_fail(err, TXE_EVALUE,
                        "stride %zu does not fit: truncation leaves a text %zu tokens",
                        options->stride, keep);
    parts->step = keep - options->stride;
    size_t rest = tokens->count - keep;
    parts->count = 1 + rest / parts->step + (rest % parts->step != 0);
    return TXE_OK;
}

static struct part
part_at(const struct parts *parts, size_t index)
{
    size_t total = parts->tokens->count;
    if (parts->length == 0) /* nothing is kept: one piece has everything */
        return (struct part){0, index == 0 ? 0 : total};
    size_t skip = index * parts->step;
    if (parts->left) {
        size_t end = total - skip;
        return (struct part){end > parts->length ? end - parts->length : 0, end};
    }
    return (struct part){skip, TXE_MIN(skip + parts->length, total)};
}

/* ---- rows ---- */

void
txe_rows_free(struct txe_rows *rows)
{
    free(rows->ids);
    free(rows->type_ids);
    free(rows->special);
    free(rows->offsets);
    free(rows->words);
    free(rows->sequences);
    free(rows->own);
    txe_strings_free(&rows->values);
    free(rows->ends);
    free(rows->samples);
    *rows = (struct txe_rows){0};
}

static bool
resize(int32_t **array, bool wanted, size_t capacity, size_t width)
{
    if (!wanted)
        return true;
    int32_t *bigger = txe_realloc(*array, capacity, width * sizeof **array);
    if (bigger == NULL)
        return false;
    *array = bigger;
    return true;
}

static txe_status
reserve(struct txe_rows *rows, size_t extra, struct txe_error *err)
{
    if (extra > rows->capacity - rows->count) {
        size_t capacity = rows->count + extra + (rows->count + extra) / 2;
        if (!resize(&rows->ids, true, capacity, 1) ||
            !resize(&rows->type_ids, rows->with_type_ids, capacity, 1) ||
            !resize(&rows->special, rows->with_special, capacity, 1) ||
            !resize(&rows->offsets, rows->with_offsets, capacity, 2) ||
            !resize(&rows->words, rows->with_words, capacity, 1) ||
            !resize(&rows->sequences, rows->with_sequences, capacity, 1) ||
            !resize(&rows->own, rows->with_values, capacity, 1))
            return txe_fail_nomem(err, capacity * sizeof *rows->ids);
        rows->capacity = capacity;
    }
    if (rows->nrows == rows->rows_capacity) {
        size_t capacity = rows->nrows + rows->nrows / 2 + 16;
        size_t *ends = txe_realloc(rows->ends, capacity, sizeof *ends);
        if (ends == NULL)
            return txe_fail_nomem(err, capacity * sizeof *ends);
        rows->ends = ends;
        size_t *samples = txe_realloc(rows->samples, capacity, sizeof *samples);
        if (samples == NULL)
            return txe_fail_nomem(err, capacity * sizeof *samples);
        rows->samples = samples;
        rows->rows_capacity = capacity;
    }
    return TXE_OK;
}

static void
put_special(struct txe_rows *rows, const struct txe_piece *piece)
{
    size_t at = rows->count++;
    rows->ids[at] = piece->id;
    if (rows->with_type_ids)
        rows->type_ids[at] = piece->type_id;
    if (rows->with_special)
        rows->special[at] = 1;
    if (rows->with_offsets)
        rows->offsets[2 * at] = rows->offsets[2 * at + 1] = 0;
    if (rows->with_words)
        rows->words[at] = -1;
    if (rows->with_sequences)
        rows->sequences[at] = -1;
    if (rows->with_values)
        rows->own[at] = 0;
}

/* The offsets of token `at` of a part less the white space at its ends. */
static struct txe_span
trimmed(const struct txe_post *post, const struct txe_tokens *tokens, size_t at,
        bool is_first)
{
    struct txe_span span = tokens->spans[at];
    if (!tokens->with_trims)
        return span;
    for (size_t i = 0; i < post->ntrims; i++) {
        uint32_t leading = tokens->trims[at].leading;
        uint32_t trailing = tokens->trims[at].trailing;
        if (leading == 1 && post->trim_spares_prefix[i] &&
            (is_first || span.start == 0))
            leading = 0;
        if (leading > 0)
            span.start = TXE_MIN(span.start + leading, span.end);
        if (trailing > 0 && span.end >= trailing)
            span.end = TXE_MAX(span.end - trailing, span.start);
    }
    return span;
}

static void
put_part(struct txe_rows *rows, const struct txe_post *post,
         const struct txe_tokens *tokens, struct part part, int32_t type_id,
         int32_t sequence)
{
    size_t first = rows->count;
    size_t n = part.end - part.start;
    rows->count += n;
    if (n != 0)
        memcpy(rows->ids + first, tokens->ids + part.start, n * sizeof *rows->ids);
    for (size_t i = 0; rows->with_type_ids && i < n; i++)
        rows->type_ids[first + i] = type_id;
    if (rows->with_special && n != 0)
        memset(rows->special + first, 0, n * sizeof *rows->special);
    for (size_t i = 0; rows->with_offsets && i < n; i++) {
        struct txe_span span = trimmed(post, tokens, part.start + i, i == 0);
        rows->offsets[2 * (first + i)] = (int32_t)span.start;
        rows->offsets[2 * (first + i) + 1] = (int32_t)span.end;
    }
    for (size_t i = 0; rows->with_words && i < n; i++)
        rows->words[first + i] = (int32_t)tokens->words[part.start + i];
    for (size_t i = 0; rows->with_sequences && i < n; i++)
        rows->sequences[first + i] = sequence;
    for (size_t i = 0; rows->with_values && i < n; i++)
        rows->own[first + i] = (int32_t)tokens->values[part.start + i];
}

/* Everything that stays the same for the rows of one text or pair. */
struct job {
    const struct txe_post *post;
    const struct txe_template *template;
    bool add_special_tokens, zero_overflow_types;
    struct parts parts[2]; /* of a and b */
    bool is_pair;
    size_t sample;
};

/* What the reference calls the sequence of each text's tokens.  Without a
 * post-processor only the kept part of a text in a pair knows which it is: alone, the
 * first leaves the other nameless, and the second is forgotten. */
static void
find_sequences(const struct job *job, const size_t index[2], int32_t sequences[2])
{
    sequences[0] = 0;
    sequences[1] = 1;
    if (job->post->present || !job->is_pair)
        return;
    if (index[0] != 0)
        sequences[1] = 0;
    else if (index[1] != 0)
        sequences[1] = -1;
}

static txe_status
put_row(struct txe_rows *rows, const struct job *job, size_t index_a, size_t index_b,
        struct txe_error *err)
{
    const size_t index[2] = {index_a, index_b};
    struct part part[2] = {part_at(&job->parts[0], index_a), {0, 0}};
    if (job->is_pair)
        part[1] = part_at(&job->parts[1], index_b);
    size_t length = (part[0].end - part[0].start) + (part[1].end - part[1].start);
    if (reserve(rows, length + job->template->npieces, err) != TXE_OK)
        return err->status;
    int32_t sequences[2];
    find_sequences(job, index, sequences);
    for (size_t i = 0; i < job->template->npieces; i++) {
        const struct txe_piece *piece = &job->template->pieces[i];
        if (piece->kind == TXE_PIECE_SPECIAL) {
            if (job->add_special_tokens)
                put_special(rows, piece);
            continue;
        }
        size_t which = piece->kind == TXE_PIECE_B;
        /* The template's types are given to what is kept only. */
        int32_t type_id = index[which] == 0          ? piece->type_id
                          : job->zero_overflow_types ? 0
                                                     : (int32_t)which;
        put_part(rows, job->post, job->parts[which].tokens, part[which], type_id,
                 sequences[which]);
    }
    rows->ends[rows->nrows] = rows->count;
    rows->samples[rows->nrows] = job->sample;
    rows->nrows++;
    return TXE_OK;
}

/* Rows for what was cut off, in the reference's order: each piece cut off the text that
 * comes first in the template, with the kept part and then with each piece of the
 * other; then its kept part with each piece of the other. */
static txe_status
put_overflow(struct txe_rows *rows, const struct job *job, struct txe_error *err)
{
    bool swapped = false;
    for (size_t i = 0; i < job->template->npieces; i++) {
        if (job->template->pieces[i].kind == TXE_PIECE_SPECIAL)
            continue;
        swapped = job->template->pieces[i].kind == TXE_PIECE_B;
        break;
    }
    size_t count1 = job->parts[swapped].count;
    size_t count2 = job->is_pair ? job->parts[!swapped].count : 1;
    for (size_t n = 1; n <= count1; n++) {
        size_t i = n < count1 ? n : 0;           /* the kept part goes last, ... */
        for (size_t j = i == 0; j < count2; j++) /* ... without the kept part again */
            if (put_row(rows, job, swapped ? j : i, swapped ? i : j, err) != TXE_OK)
                return err->status;
    }
    return TXE_OK;
}

txe_status
txe_post_process(const struct txe_post *post,
                 const struct txe_truncate_options *options, const struct txe_tokens *a,
                 const struct txe_tokens *b, size_t sample, struct txe_rows *rows,
                 struct txe_error *err)
{
    struct job job = {
        .post = post,
        .template = b != NULL ? &post->pair : &post->single,
        .add_special_tokens = options->add_special_tokens,
        .zero_overflow_types = post->zero_overflow_types && options->add_special_tokens,
        .is_pair = b != NULL,
        .sample = sample,
    };
    size_t keep_a, keep_b;
    if (find_lengths(options, job.template->nspecial, a->count,
                     b != NULL ? &b->count : NULL, &keep_a, &keep_b, err) != TXE_OK ||
        make_parts(&job.parts[0], a, keep_a, options, err) != TXE_OK ||
        (b != NULL && make_parts(&job.parts[1], b, keep_b, options, err) != TXE_OK))
        return err->status;
    size_t nrows = rows->nrows, count = rows->count;
    if (put_row(rows, &job, 0, 0, err) != TXE_OK ||
        (options->overflow && put_overflow(rows, &job, err) != TXE_OK)) {
        rows->nrows = nrows;
        rows->count = count;
        return err->status;
    }
    return TXE_OK;
}
