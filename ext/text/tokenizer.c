/* The way of a text through the tokenizer: see tokenizer.h. */
#include "text/tokenizer.h"

#include <string.h>

#include "text/unicode.h"

/* ---- parts ---- */

struct txe_core *
txe_core_new(void)
{
    struct txe_core *core = txe_calloc(1, sizeof *core);
    if (core != NULL) {
        atomic_init(&core->nrefs, 1);
        core->model.kind = TXE_MODEL_WORDLEVEL; /* the one that owns nothing */
    }
    return core;
}

struct txe_core *
txe_core_retain(struct txe_core *core)
{
    atomic_fetch_add_explicit(&core->nrefs, 1, memory_order_relaxed);
    return core;
}

void
txe_core_release(struct txe_core *core)
{
    if (core == NULL ||
        atomic_fetch_sub_explicit(&core->nrefs, 1, memory_order_acq_rel) != 1)
        return;
    txe_normalizer_free(&core->normalizer);
    txe_splitter_free(&core->splitter);
    txe_model_free(&core->model);
    txe_decoder_free(&core->decoder);
    free(core);
}

txe_status
txe_tokenizer_init(struct txe_tokenizer *tokenizer, struct txe_core *core,
                   struct txe_added *added, struct txe_post *post,
                   const struct txe_word_loops *loops, struct txe_error *err)
{
    tokenizer->core = core;
    tokenizer->added = added;
    tokenizer->post = post;
    for (size_t i = 0; i < TXE_IDLE_WORKSPACES; i++)
        atomic_init(&tokenizer->idle[i], NULL);
    txe_status status = txe_chunker_init(&tokenizer->chunker, &core->normalizer,
                                         &core->splitter, added, err);
    tokenizer->loops = loops;
    if (status != TXE_OK)
        txe_tokenizer_clear(tokenizer);
    return status;
}

static void
free_workspace(struct txe_workspace *workspace)
{
    txe_text_free(&workspace->text);
    txe_text_free(&workspace->piece);
    txe_segments_free(&workspace->raw);
    txe_segments_free(&workspace->normal);
    txe_words_free(&workspace->words);
    for (size_t i = 0; i < 2; i++)
        txe_tokens_free(&workspace->tokens[i]);
    free(workspace->scratch.memory);
    txe_word_cache_free(&workspace->cache);
    free(workspace);
}

void
txe_tokenizer_clear(struct txe_tokenizer *tokenizer)
{
    txe_core_release(tokenizer->core);
    txe_added_release(tokenizer->added);
    txe_post_release(tokenizer->post);
    tokenizer->core = NULL;
    tokenizer->added = NULL;
    tokenizer->post = NULL;
    for (size_t i = 0; i < TXE_IDLE_WORKSPACES; i++) {
        struct txe_workspace *idle = atomic_exchange(&tokenizer->idle[i], NULL);
        if (idle != NULL)
            free_workspace(idle);
    }
}

const char *
txe_token_text(const struct txe_tokenizer *tokenizer, int64_t id, size_t *nbytes)
{
    if (id < 0 || id >= TXE_VOCAB_MAX_IDS)
        return NULL;
    const struct txe_added_token *token = txe_added_at(tokenizer->added, (uint32_t)id);
    if (token != NULL)
        return txe_added_text(tokenizer->added, token, nbytes);
    const struct txe_vocab *vocab = &tokenizer->core->model.vocab;
    const struct txe_vocab_entry *entry = txe_vocab_at(vocab, (uint32_t)id);
    if (entry == NULL)
        return NULL;
    *nbytes = entry->nbytes;
    return txe_vocab_bytes(vocab, entry);
}

bool
txe_token_id(const struct txe_tokenizer *tokenizer, const char *token, size_t nbytes,
             uint32_t *id)
{
    const struct txe_vocab_entry *entry =
        txe_vocab_find(&tokenizer->added->vocab, token, nbytes);
    if (entry == NULL)
        entry = txe_vocab_find(&tokenizer->core->model.vocab, token, nbytes);
    if (entry != NULL)
        *id = entry->id;
    return entry != NULL;
}

/* ---- bytes to code points ---- */

/* A position in a text, in bytes and in the characters that begin before it.  It moves
 * from token to token, so that all of them together take one walk over the text. */
struct cursor {
    struct txe_str text;
    size_t byte, nchars;
};

static bool
begins_char(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

/* Index of the character that byte `at`, inside the text, is part of. */
static size_t
char_index(struct cursor *cursor, size_t at)
{
    while (cursor->byte < at)
        cursor->nchars += begins_char(cursor->text.bytes[cursor->byte++]);
    while (cursor->byte > at)
        cursor->nchars -= begins_char(cursor->text.bytes[--cursor->byte]);
    return cursor->nchars - !begins_char(cursor->text.bytes[at]);
}

static struct txe_span
to_chars(struct cursor cursors[2], struct txe_span span)
{
    struct cursor *start = &cursors[0], *end = &cursors[1];
    size_t nbytes = start->text.nbytes;
    if (span.start >= nbytes)
        return span; /* beyond the end the reference leaves bytes as they are */
    struct txe_span chars = {(uint32_t)char_index(start, span.start), 0};
    if (span.end < nbytes)
        chars.end = (uint32_t)char_index(end, span.end);
    else
        chars.end = (uint32_t)char_index(end, nbytes - 1) + 1;
    return chars;
}

/* ---- one text ---- */

/* A text on its way.  `origin` of a token is where its bytes come from. */
struct job {
    const struct txe_tokenizer *tokenizer;
    const struct txe_encode_options *options;
    struct txe_workspace *workspace;
    struct txe_tokens *tokens;
    struct cursor cursors[2]; /* of starts and of ends, which may overlap */
    size_t word;              /* number of the next word */
    bool fixed_word; /* the text is itself a word: all tokens have its number */
    size_t limit;    /* of so many tokens the rest is not needed */
    struct txe_strings *values; /* where tokens' own strings go */
    struct txe_error *err;
};

static bool
is_trimmed(uint32_t c)
{
    return c == 0x120 || txe_is_whitespace(c); /* U+0120 is the byte-level space */
}

static struct txe_trim
count_trims(struct txe_str text)
{
    struct txe_trim trim = {0, 0};
    size_t width;
    for (size_t at = 0; at < text.nbytes; at += width, trim.leading++)
        if (!is_trimmed(txe_utf8_decode(text.bytes + at, &width)))
            break;
    for (size_t end = text.nbytes; end > 0; trim.trailing++) {
        size_t at = end - 1;
        while (!begins_char(text.bytes[at]))
            at--;
        if (!is_trimmed(txe_utf8_decode(text.bytes + at, &width)))
            break;
        end = at;
    }
    return trim;
}

/* What the reference calls a token's value: its string in the vocabulary, or, where a
 * unigram model found no piece, the text itself. */
static struct txe_str
token_value(const struct job *job, uint32_t id, struct txe_str text)
{
    const struct txe_model *model = &job->tokenizer->core->model;
    if (model->kind == TXE_MODEL_UNIGRAM && model->as.unigram.has_unk &&
        id == model->as.unigram.unk_id)
        return text;
    const struct txe_vocab_entry *entry = txe_vocab_at(&model->vocab, id);
    return (struct txe_str){txe_vocab_bytes(&model->vocab, entry), entry->nbytes};
}

/* Notes a token's value where it is not the string that its id stands for. */
static txe_status
note_value(struct job *job, size_t at, struct txe_str value)
{
    size_t nbytes;
    const char *known = txe_token_text(job->tokenizer, job->tokens->ids[at], &nbytes);
    job->tokens->values[at] = 0;
    if (known != NULL && nbytes == value.nbytes &&
        memcmp(known, value.bytes, nbytes) == 0)
        return TXE_OK;
    if (txe_strings_add(job->values, value.bytes, value.nbytes, job->err) != TXE_OK)
        return job->err->status;
    job->tokens->values[at] = (uint32_t)job->values->count;
    return TXE_OK;
}

/* Gives the tokens from `first` on, with spans in bytes of the word at
 * text->bytes[start], their final spans, numbers and values. */
static txe_status
finish_word(struct job *job, size_t first, const struct txe_text *text, size_t start)
{
    struct txe_tokens *tokens = job->tokens;
    for (size_t i = first; i < tokens->count; i++) {
        if (tokens->with_words)
            tokens->words[i] = (uint32_t)job->word;
        if (!tokens->with_spans)
            continue;
        size_t low = start + tokens->spans[i].start;
        size_t high = start + tokens->spans[i].end;
        struct txe_span origin = {text->spans[low].start, text->spans[high - 1].end};
        struct txe_str slice = {text->bytes + low, high - low};
        if (tokens->with_trims)
            tokens->trims[i] = count_trims(token_value(job, tokens->ids[i], slice));
        if (tokens->with_values &&
            note_value(job, i, token_value(job, tokens->ids[i], slice)) != TXE_OK)
            return job->err->status;
        tokens->spans[i] = to_chars(job->cursors, origin);
    }
    job->word += !job->fixed_word;
    return TXE_OK;
}

/* An added token is a word of its own. */
static txe_status
put_added_token(struct job *job, const struct txe_added_token *token,
                struct txe_str text, struct txe_span origin)
{
    struct txe_tokens *tokens = job->tokens;
    if (!txe_tokens_push(tokens, token->id, 0, 0))
        return txe_fail_nomem(job->err, tokens->capacity);
    size_t at = tokens->count - 1;
    if (tokens->with_words)
        tokens->words[at] = (uint32_t)job->word;
    if (tokens->with_spans)
        tokens->spans[at] = to_chars(job->cursors, origin);
    if (tokens->with_trims)
        tokens->trims[at] = count_trims(text);
    if (tokens->with_values && note_value(job, at, text) != TXE_OK)
        return job->err->status;
    job->word += !job->fixed_word;
    return TXE_OK;
}

/* Splitter and model, for normalised text without added tokens; changes *text. */
static txe_status
encode_words(struct job *job, struct txe_text *text, bool at_start)
{
    const struct txe_core *core = job->tokenizer->core;
    struct txe_workspace *workspace = job->workspace;
    struct txe_words *words = &workspace->words;
    words->count = 0;
    if (txe_split(&core->splitter, text, at_start, words, job->err) != TXE_OK)
        return job->err->status;
    for (size_t i = 0; i < words->count; i++) {
        size_t start = words->items[i].start;
        size_t first = job->tokens->count;
        if (txe_model_encode(&core->model, text->bytes + start,
                             words->items[i].end - start, job->tokens,
                             &workspace->scratch, job->err) != TXE_OK)
            return job->err->status;
        if (finish_word(job, first, text, start) != TXE_OK)
            return job->err->status;
    }
    return TXE_OK;
}

/* Copies bytes [start, end) of `from`, with their spans, to *to. */
static txe_status
copy_piece(struct txe_text *to, const struct txe_text *from, size_t start, size_t end,
           struct txe_error *err)
{
    size_t nbytes = end - start;
    if (txe_text_reserve(to, nbytes, err) != TXE_OK)
        return err->status;
    memcpy(to->bytes, from->bytes + start, nbytes);
    if (to->spans != NULL)
        memcpy(to->spans, from->spans + start, nbytes * sizeof *to->spans);
    to->nbytes = nbytes;
    return TXE_OK;
}

/* Normaliser and what follows, for bytes [start, start + nbytes) of the original text.
 */
static txe_status
encode_between(struct job *job, struct txe_str text, size_t start)
{
    const struct txe_tokenizer *tokenizer = job->tokenizer;
    struct txe_text *normal = &job->workspace->text;
    struct txe_text *piece = &job->workspace->piece;
    struct txe_segments *segments = &job->workspace->normal;
    if (txe_text_assign(normal, text.bytes, text.nbytes, start, job->err) != TXE_OK ||
        txe_normalize(&tokenizer->core->normalizer, normal, job->err) != TXE_OK ||
        txe_added_find(tokenizer->added, true, job->options->split_special_tokens,
                       normal->bytes, normal->nbytes, segments, job->err) != TXE_OK)
        return job->err->status;
    for (size_t i = 0; i < segments->count; i++) {
        struct txe_segment segment = segments->items[i];
        struct txe_span origin = {0, 0};
        if (normal->spans != NULL)
            origin = (struct txe_span){normal->spans[segment.start].start,
                                       normal->spans[segment.end - 1].end};
        txe_status status;
        if (segment.token != NULL) {
            struct txe_str slice = {normal->bytes + segment.start,
                                    segment.end - segment.start};
            status = put_added_token(job, segment.token, slice, origin);
        } else if (segments->count == 1) {
            status = encode_words(job, normal, origin.start == 0);
        } else {
            status = copy_piece(piece, normal, segment.start, segment.end, job->err);
            if (status == TXE_OK)
                status = encode_words(job, piece, origin.start == 0);
        }
        if (status != TXE_OK)
            return status;
    }
    return TXE_OK;
}

/* ---- ids alone, chunk by chunk ---- */

/* The ids of one chunk, not in the cache's buckets. */
static txe_status
encode_chunk(struct job *job, struct txe_str chunk)
{
    const struct txe_tokenizer *tokenizer = job->tokenizer;
    struct txe_word_cache *cache = &job->workspace->cache;
    struct txe_tokens *tokens = job->tokens;
    size_t before = tokens->count, count;
    const uint32_t *ids =
        txe_word_cache_find_long(cache, chunk.bytes, chunk.nbytes, &count);
    if (ids != NULL) {
        if (!txe_tokens_reserve(tokens, count))
            return txe_fail_nomem(job->err, tokens->capacity);
        memcpy(tokens->ids + before, ids, count * sizeof *ids);
        tokens->count += count;
        return TXE_OK;
    }
    if (tokenizer->chunker.kind == TXE_CHUNKS_PATTERN)
        TXE_TRY(txe_model_encode(&tokenizer->core->model, chunk.bytes, chunk.nbytes,
                                 tokens, &job->workspace->scratch, job->err));
    else
        TXE_TRY(encode_between(job, chunk, 0));
    txe_word_cache_put(cache, chunk.bytes, chunk.nbytes, tokens->ids + before,
                       tokens->count - before);
    return TXE_OK;
}

static txe_status
encode_chunks(struct job *job, struct txe_str text)
{
    const struct txe_word_loops *loops = job->tokenizer->loops;
    const struct txe_chunker *chunker = &job->tokenizer->chunker;
    struct txe_word_cache *cache = &job->workspace->cache;
    struct txe_tokens *tokens = job->tokens;
    struct txe_chunk_list list;
    if (!txe_word_cache_prepare(cache, loops->hash))
        return txe_fail_nomem(job->err, sizeof *cache->buckets);
    for (size_t at = 0; at < text.nbytes && tokens->count < job->limit;) {
        at = loops->list_chunks(chunker, text.bytes, text.nbytes, at, &list);
        loops->hash_chunks(cache, text.bytes, text.nbytes, &list);
        for (size_t i = 0;; i++) {
            if (!txe_tokens_reserve(tokens, (list.count - i) * TXE_SHORT_IDS))
                return txe_fail_nomem(job->err, tokens->capacity);
            uint32_t *out = tokens->ids + tokens->count;
            i = loops->find_chunks(cache, &list, i, &out);
            tokens->count = (size_t)(out - tokens->ids);
            if (i == list.count)
                break;
            const struct txe_word_bucket *buckets = cache->buckets;
            struct txe_str chunk = {text.bytes + list.starts[i],
                                    list.ends[i] - list.starts[i]};
            TXE_TRY(encode_chunk(job, chunk));
            if (cache->buckets != buckets) /* it grew: the words are elsewhere */
                loops->hash_chunks(cache, text.bytes, text.nbytes, &list);
        }
    }
    return TXE_OK;
}

/* encode_chunks for a text in front of which a space belongs, unless it has one. */
static txe_status
encode_spaced(struct job *job, struct txe_str text)
{
    if (!job->tokenizer->chunker.adds_space || text.bytes[0] == ' ')
        return encode_chunks(job, text);
    struct txe_text *spaced = &job->workspace->text;
    TXE_TRY(txe_text_reserve(spaced, text.nbytes + 1, job->err));
    spaced->bytes[0] = ' ';
    memcpy(spaced->bytes + 1, text.bytes, text.nbytes);
    return encode_chunks(job, (struct txe_str){spaced->bytes, text.nbytes + 1});
}

/* encode_between for ids alone. */
static txe_status
encode_ids(struct job *job, struct txe_str text)
{
    const struct txe_tokenizer *tokenizer = job->tokenizer;
    const struct txe_added *added = tokenizer->added;
    if (tokenizer->chunker.kind != TXE_CHUNKS_PATTERN || !added->has_normal)
        return encode_spaced(job, text);
    struct txe_segments *segments = &job->workspace->normal;
    TXE_TRY(txe_added_find(added, true, job->options->split_special_tokens, text.bytes,
                           text.nbytes, segments, job->err));
    for (size_t i = 0; i < segments->count; i++) {
        struct txe_segment segment = segments->items[i];
        struct txe_str slice = {text.bytes + segment.start,
                                segment.end - segment.start};
        if (segment.token == NULL)
            TXE_TRY(encode_spaced(job, slice));
        else if (!txe_tokens_push(job->tokens, segment.token->id, 0, 0))
            return txe_fail_nomem(job->err, job->tokens->capacity);
    }
    return TXE_OK;
}

static bool
goes_by_chunks(const struct job *job)
{
    const struct txe_chunker *chunker = &job->tokenizer->chunker;
    return job->workspace->ids_only && chunker->kind != TXE_CHUNKS_NONE &&
           !(chunker->finds_tokens && job->options->split_special_tokens);
}

static txe_status
encode_text(struct job *job, struct txe_str text)
{
    if (text.nbytes > TXE_MAX_TEXT_NBYTES)
        return txe_fail(job->err, TXE_EVALUE,
                        "a text of %zu bytes is too long: at most %zu are possible",
                        text.nbytes, TXE_MAX_TEXT_NBYTES);
    struct txe_segments *segments = &job->workspace->raw;
    const bool by_chunks = goes_by_chunks(job);
    job->cursors[0] = job->cursors[1] = (struct cursor){text, 0, 0};
    if (txe_added_find(job->tokenizer->added, false, job->options->split_special_tokens,
                       text.bytes, text.nbytes, segments, job->err) != TXE_OK)
        return job->err->status;
    for (size_t i = 0; i < segments->count; i++) {
        struct txe_segment segment = segments->items[i];
        struct txe_str slice = {text.bytes + segment.start,
                                segment.end - segment.start};
        struct txe_span origin = {(uint32_t)segment.start, (uint32_t)segment.end};
        if (segment.token != NULL)
            TXE_TRY(put_added_token(job, segment.token, slice, origin));
        else if (by_chunks)
            TXE_TRY(encode_ids(job, slice));
        else
            TXE_TRY(encode_between(job, slice, segment.start));
    }
    return TXE_OK;
}

static txe_status
encode_input(const struct txe_tokenizer *tokenizer,
             const struct txe_encode_options *options, const struct txe_input *input,
             size_t limit, struct txe_workspace *workspace, struct txe_tokens *tokens,
             struct txe_strings *values, struct txe_error *err)
{
    struct job job = {
        .tokenizer = tokenizer,
        .options = options,
        .workspace = workspace,
        .tokens = tokens,
        .fixed_word = options->pretokenized,
        .limit = limit,
        .values = values,
        .err = err,
    };
    for (size_t i = 0; i < input->nparts; i++) {
        if (options->pretokenized)
            job.word = i;
        if (encode_text(&job, input->parts[i]) != TXE_OK)
            return err->status;
    }
    return TXE_OK;
}

/* Whether ids depend on where a piece of text begins in the original. */
static bool
prepends_first(const struct txe_splitter *splitter)
{
    for (size_t i = 0; i < splitter->nsteps; i++)
        if (splitter->steps[i].kind == TXE_SPLIT_METASPACE &&
            splitter->steps[i].prepend == TXE_PREPEND_FIRST)
            return true;
    return false;
}

static struct txe_workspace *
new_workspace(const struct txe_tokenizer *tokenizer, const struct txe_rows *rows,
              bool ids_only)
{
    struct txe_workspace *workspace = txe_calloc(1, sizeof *workspace);
    if (workspace == NULL)
        return NULL;
    bool wanted = rows->with_offsets || rows->with_values;
    bool with_spans = wanted || prepends_first(&tokenizer->core->splitter);
    workspace->ids_only = ids_only;
    for (size_t i = 0; i < 2; i++) {
        workspace->tokens[i].with_spans = wanted;
        workspace->tokens[i].with_values = rows->with_values;
        workspace->tokens[i].with_words = rows->with_words;
        workspace->tokens[i].with_trims =
            rows->with_offsets && tokenizer->post->ntrims != 0;
    }
    struct txe_error err;
    if (txe_text_init(&workspace->piece, 64, with_spans, &err) != TXE_OK ||
        txe_text_init(&workspace->text, 256, with_spans, &err) != TXE_OK) {
        free_workspace(workspace);
        return NULL;
    }
    return workspace;
}

struct txe_workspace *
txe_workspace_take(struct txe_tokenizer *tokenizer, const struct txe_rows *rows)
{
    bool ids_only = !rows->with_offsets && !rows->with_values && !rows->with_words;
    for (size_t i = 0; ids_only && i < TXE_IDLE_WORKSPACES; i++) {
        struct txe_workspace *idle = atomic_load(&tokenizer->idle[i]);
        if (idle != NULL && (idle = atomic_exchange(&tokenizer->idle[i], NULL)) != NULL)
            return idle;
    }
    return new_workspace(tokenizer, rows, ids_only);
}

/* Texts of this size are rare enough to take their memory with them. */
#define MAX_IDLE_NBYTES ((size_t)1 << 20)

void
txe_workspace_give_back(struct txe_tokenizer *tokenizer,
                        struct txe_workspace *workspace)
{
    if (workspace == NULL)
        return;
    bool keep = workspace->ids_only && workspace->text.capacity < MAX_IDLE_NBYTES &&
                workspace->scratch.nbytes < MAX_IDLE_NBYTES;
    for (size_t i = 0; keep && i < 2; i++) {
        if (workspace->tokens[i].capacity > MAX_IDLE_NBYTES)
            txe_tokens_free(&workspace->tokens[i]);
    }
    for (size_t i = 0; keep && i < TXE_IDLE_WORKSPACES; i++) {
        struct txe_workspace *none = NULL;
        if (atomic_compare_exchange_strong(&tokenizer->idle[i], &none, workspace))
            return;
    }
    free_workspace(workspace);
}

txe_status
txe_encode_ids(const struct txe_tokenizer *tokenizer, bool split_special_tokens,
               struct txe_str text, struct txe_workspace *workspace,
               struct txe_tokens *tokens, struct txe_error *err)
{
    const struct txe_encode_options options = {.split_special_tokens =
                                                   split_special_tokens};
    const struct txe_input input = {&text, 1};
    return encode_input(tokenizer, &options, &input, SIZE_MAX, workspace, tokens, NULL,
                        err);
}

txe_status
txe_encode(const struct txe_tokenizer *tokenizer,
           const struct txe_encode_options *options, const struct txe_input *text,
           const struct txe_input *pair, size_t sample, struct txe_workspace *workspace,
           struct txe_rows *rows, struct txe_error *err)
{
    struct txe_tokens *tokens = workspace->tokens;
    size_t limit = SIZE_MAX;
    tokens[0].count = tokens[1].count = 0;
    if (pair == NULL && workspace->ids_only)
        limit = txe_truncate_limit(tokenizer->post, &options->truncate);
    TXE_TRY(encode_input(tokenizer, options, text, limit, workspace, &tokens[0],
                         &rows->values, err));
    if (pair != NULL)
        TXE_TRY(encode_input(tokenizer, options, pair, limit, workspace, &tokens[1],
                             &rows->values, err));
    return txe_post_process(tokenizer->post, &options->truncate, &tokens[0],
                            pair != NULL ? &tokens[1] : NULL, sample, rows, err);
}
