/* Counting the words of a corpus: see train_counter.h. */
#include "text/train_counter.h"

#include <string.h>

#include "base/common.h"
#include "base/threads.h"
#include "text/unicode.h"

/* Longer parts are not likely to come again: they are split at once, not kept. */
#define MAX_PART_NBYTES 64
/* A worker's parts are split and forgotten when there are so many of them. */
#define MAX_PARTS ((size_t)1 << 20)
/* Texts that can be cut are shared out in pieces of about this size. */
#define PIECE_NBYTES ((size_t)256 << 10)
/* Texts with less in them are not worth waking other threads for. */
#define MIN_PARALLEL_NBYTES ((size_t)64 << 10)

struct txe_counting_worker {
    struct txe_word_counts parts;           /* not yet split */
    struct txe_str seen[TXE_WORDS_AT_ONCE]; /* parts not yet counted */
    size_t nseen;
    struct txe_word_counts words;
    struct txe_text text;
    struct txe_words split;
    struct txe_error err; /* the first that occurred */
};

/* ---- where texts may be cut ---- */

static bool
keeps_spaces(const struct txe_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->nsteps; i++)
        switch (normalizer->steps[i].kind) {
        case TXE_NORM_BERT:
        case TXE_NORM_NFC:
        case TXE_NORM_NFD:
        case TXE_NORM_NFKC:
        case TXE_NORM_NFKD:
        case TXE_NORM_LOWERCASE:
        case TXE_NORM_STRIP_ACCENTS:
            break;
        default:
            return false;
        }
    return true;
}

static txe_text_cut
choose_cut(const struct txe_core *core)
{
    const struct txe_splitter *splitter = &core->splitter;
    if (splitter->nsteps != 1)
        return TXE_CUT_NOWHERE;
    switch (splitter->steps[0].kind) {
    case TXE_SPLIT_BERT:
    case TXE_SPLIT_WHITESPACE:
        return keeps_spaces(&core->normalizer) ? TXE_CUT_AT_SPACES : TXE_CUT_NOWHERE;
    case TXE_SPLIT_BYTE_LEVEL:
        if (core->normalizer.nsteps != 0 || !splitter->steps[0].use_regex)
            return TXE_CUT_NOWHERE;
        return splitter->steps[0].add_prefix_space ? TXE_CUT_BEFORE_BLANKS
                                                   : TXE_CUT_BEFORE_SPACES;
    default:
        return TXE_CUT_NOWHERE;
    }
}

/* U+000B and U+000C are left out: BERT's normaliser drops them without a trace. */
static inline bool
is_cutting(txe_text_cut cut, char byte)
{
    return byte == ' ' || (cut != TXE_CUT_BEFORE_BLANKS &&
                           (byte == '\n' || byte == '\t' || byte == '\r'));
}

/* Whether text may be cut at bytes[at], which is not the first byte. */
static inline bool
may_cut(txe_text_cut cut, const char *bytes, size_t at)
{
    if (!is_cutting(cut, bytes[at]))
        return false;
    if (cut == TXE_CUT_AT_SPACES)
        return true;
    /* White space belongs together. */
    unsigned char last = (unsigned char)bytes[at - 1];
    if (last < 0x80)
        return last != ' ' && (last < '\t' || last > '\r');
    size_t start = at - 1, length;
    while (start > 0 && ((unsigned char)bytes[start] & 0xC0) == 0x80)
        start--;
    return !txe_is_regex_space(txe_utf8_decode(bytes + start, &length));
}

/* ---- one worker ---- */

/* Normalises, splits and counts. */
static txe_status
count_words(struct txe_counting_worker *worker, const struct txe_core *core,
            struct txe_str part, uint64_t times, struct txe_error *err)
{
    const struct txe_splitter *splitter = &core->splitter;
    struct txe_text *text = &worker->text;
    if (part.nbytes > TXE_MAX_TEXT_NBYTES)
        return txe_fail(err, TXE_EVALUE,
                        "%zu bytes of text without a place to cut are too long: at "
                        "most %zu are possible",
                        part.nbytes, TXE_MAX_TEXT_NBYTES);
    if (text->bytes == NULL)
        TXE_TRY(txe_text_init(text, 256, txe_splitter_needs_spans(splitter), err));
    TXE_TRY(txe_text_assign(text, part.bytes, part.nbytes, 0, err));
    TXE_TRY(txe_normalize(&core->normalizer, text, err));
    worker->split.count = 0;
    TXE_TRY(txe_split(splitter, text, true, &worker->split, err));
    for (size_t i = 0; i < worker->split.count; i++) {
        struct txe_word word = worker->split.items[i];
        TXE_TRY(txe_word_counts_add(&worker->words, text->bytes + word.start,
                                    word.end - word.start, times, err));
    }
    return TXE_OK;
}

static txe_status
split_parts(struct txe_counting_worker *worker, const struct txe_core *core,
            struct txe_error *err)
{
    for (size_t i = 0; i < worker->parts.count; i++) {
        const struct txe_word_count *part = &worker->parts.items[i];
        struct txe_str text = {worker->parts.bytes + part->start, part->nbytes};
        TXE_TRY(count_words(worker, core, text, part->count, err));
    }
    txe_word_counts_clear(&worker->parts);
    return TXE_OK;
}

static txe_status
count_seen(struct txe_counting_worker *worker, const struct txe_core *core,
           struct txe_error *err)
{
    TXE_TRY(txe_word_counts_add_each(&worker->parts, worker->seen, worker->nseen, err));
    worker->nseen = 0;
    return worker->parts.count >= MAX_PARTS ? split_parts(worker, core, err) : TXE_OK;
}

static txe_status
count_piece(struct txe_counting_worker *worker, const struct txe_word_counter *counter,
            struct txe_str piece, struct txe_error *err)
{
    const txe_text_cut cut = counter->cut;
    if (cut == TXE_CUT_NOWHERE)
        return count_words(worker, counter->core, piece, 1, err);
    for (size_t start = 0, end; start < piece.nbytes; start = end) {
        end = start + 1;
        if (cut == TXE_CUT_AT_SPACES && is_cutting(cut, piece.bytes[start]))
            continue;
        while (end < piece.nbytes && !may_cut(cut, piece.bytes, end))
            end++;
        struct txe_str part = {piece.bytes + start, end - start};
        if (part.nbytes > MAX_PART_NBYTES) {
            TXE_TRY(count_words(worker, counter->core, part, 1, err));
            continue;
        }
        worker->seen[worker->nseen++] = part;
        if (worker->nseen == TXE_WORDS_AT_ONCE)
            TXE_TRY(count_seen(worker, counter->core, err));
    }
    return count_seen(worker, counter->core, err);
}

/* ---- all workers ---- */

/* A call at work. */
struct job {
    const struct txe_word_counter *counter;
    struct txe_counting_worker *workers;
    struct txe_str *pieces;
    size_t npieces, capacity;
};

static txe_status
push_piece(struct job *job, struct txe_str piece, struct txe_error *err)
{
    if (job->npieces == job->capacity) {
        size_t capacity = 2 * job->capacity + 64;
        struct txe_str *pieces = txe_realloc(job->pieces, capacity, sizeof *pieces);
        if (pieces == NULL)
            return txe_fail_nomem(err, (unsigned long long)capacity * sizeof *pieces);
        job->pieces = pieces;
        job->capacity = capacity;
    }
    job->pieces[job->npieces++] = piece;
    return TXE_OK;
}

static txe_status
cut_text(struct job *job, struct txe_str text, struct txe_error *err)
{
    txe_text_cut cut = job->counter->cut;
    while (cut != TXE_CUT_NOWHERE && text.nbytes > 2 * PIECE_NBYTES) {
        size_t at = PIECE_NBYTES;
        while (at < text.nbytes && !may_cut(cut, text.bytes, at))
            at++;
        TXE_TRY(push_piece(job, (struct txe_str){text.bytes, at}, err));
        text = (struct txe_str){text.bytes + at, text.nbytes - at};
    }
    return push_piece(job, text, err);
}

static void
count_piece_on(void *context, size_t index, size_t worker_index)
{
    struct job *job = context;
    struct txe_counting_worker *worker = &job->workers[worker_index];
    if (worker->err.status == TXE_OK)
        count_piece(worker, job->counter, job->pieces[index], &worker->err);
}

static void
split_parts_on(void *context, size_t index, size_t worker_index)
{
    struct job *job = context;
    struct txe_counting_worker *worker = &job->workers[index];
    if (worker->err.status == TXE_OK)
        split_parts(worker, job->counter->core, &worker->err);
}

static txe_status
first_error(const struct txe_word_counter *counter, struct txe_error *err)
{
    for (size_t i = 0; i < counter->nworkers; i++)
        if (counter->workers[i].err.status != TXE_OK) {
            *err = counter->workers[i].err;
            return err->status;
        }
    return TXE_OK;
}

static txe_status
add_workers(struct txe_word_counter *counter, size_t nworkers, struct txe_error *err)
{
    if (nworkers <= counter->nworkers)
        return TXE_OK;
    struct txe_counting_worker *workers =
        txe_realloc(counter->workers, nworkers, sizeof *workers);
    if (workers == NULL)
        return txe_fail_nomem(err, (unsigned long long)nworkers * sizeof *workers);
    memset(workers + counter->nworkers, 0,
           (nworkers - counter->nworkers) * sizeof *workers);
    counter->workers = workers;
    counter->nworkers = nworkers;
    return TXE_OK;
}

void
txe_word_counter_init(struct txe_word_counter *counter, struct txe_core *core)
{
    memset(counter, 0, sizeof *counter);
    counter->core = txe_core_retain(core);
    counter->cut = choose_cut(core);
}

txe_status
txe_word_counter_add(struct txe_word_counter *counter, const struct txe_str *texts,
                     size_t ntexts, struct txe_error *err)
{
    size_t nbytes = 0;
    struct job job = {.counter = counter};
    txe_status status = TXE_OK;
    for (size_t i = 0; i < ntexts && status == TXE_OK; i++) {
        nbytes += texts[i].nbytes;
        status = cut_text(&job, texts[i], err);
    }
    size_t nthreads = nbytes < MIN_PARALLEL_NBYTES ? 1 : txe_threads_get();
    if (status == TXE_OK)
        status = add_workers(counter, nthreads, err);
    if (status == TXE_OK) {
        job.workers = counter->workers;
        txe_parallel_for(job.npieces, nthreads, count_piece_on, &job);
        status = first_error(counter, err);
    }
    free(job.pieces);
    return status;
}

txe_status
txe_word_counter_words(struct txe_word_counter *counter,
                       const struct txe_word_counts **words, struct txe_error *err)
{
    TXE_TRY(add_workers(counter, 1, err));
    struct job job = {.counter = counter, .workers = counter->workers};
    txe_parallel_for(counter->nworkers, counter->nworkers, split_parts_on, &job);
    TXE_TRY(first_error(counter, err));
    struct txe_word_counts *all = &counter->workers[0].words;
    for (size_t i = 1; i < counter->nworkers; i++) {
        TXE_TRY(txe_word_counts_merge(all, &counter->workers[i].words, err));
        txe_word_counts_free(&counter->workers[i].words);
    }
    *words = all;
    return TXE_OK;
}

void
txe_word_counter_free(struct txe_word_counter *counter)
{
    for (size_t i = 0; i < counter->nworkers; i++) {
        struct txe_counting_worker *worker = &counter->workers[i];
        txe_word_counts_free(&worker->parts);
        txe_word_counts_free(&worker->words);
        txe_text_free(&worker->text);
        txe_words_free(&worker->split);
    }
    free(counter->workers);
    txe_core_release(counter->core);
    memset(counter, 0, sizeof *counter);
}
