/* The four Unicode normalisation forms, aligned as the reference aligns them.
 *
 * Characters are taken apart one by one; those of combining class 0 (starters) divide
 * the text into runs that are put in canonical order and, for the composed forms,
 * joined to the starter before them.  How many characters of the text each one written
 * stands for is carried along as `change` (rewrite.h). */
#include <string.h>

#include "base/common.h"
#include "text/rewrite.h"
#include "text/unicode.h"

struct part {
    uint32_t c;
    uint8_t class;
    ptrdiff_t change;
};

/* A starter (first, when there is one) and the marks after it. */
struct run {
    struct part *parts;  /* [capacity]: inline_parts, or owned */
    struct part *sorted; /* [capacity], owned with parts; NULL while they are inline */
    size_t count, capacity;
    struct part inline_parts[32];
};

struct form {
    struct txe_rewrite rewrite;
    struct run run;
    bool compose;
    bool has_starter; /* `starter` is waiting for what may join it; only for compose */
    struct part starter;
};

static void
run_free(struct run *run)
{
    if (run->parts != run->inline_parts)
        free(run->parts);
    free(run->sorted);
}

static txe_status
run_push(struct run *run, struct part part, struct txe_error *err)
{
    if (run->count == run->capacity) {
        size_t capacity = 2 * run->capacity;
        struct part *parts = txe_alloc(capacity, sizeof *parts);
        struct part *sorted = txe_alloc(capacity, sizeof *sorted);
        if (parts == NULL || sorted == NULL) {
            free(parts);
            free(sorted);
            return txe_fail_nomem(err, (unsigned long long)capacity * sizeof *parts);
        }
        memcpy(parts, run->parts, run->count * sizeof *parts);
        run_free(run);
        run->parts = parts;
        run->sorted = sorted;
        run->capacity = capacity;
    }
    run->parts[run->count++] = part;
    return TXE_OK;
}

/* Sorts by combining class, stably: by insertion while short, else by counting, so that
 * no text takes quadratic time. */
static void
run_sort(struct run *run)
{
    if (run->sorted == NULL) {
        for (size_t i = 1; i < run->count; i++) {
            struct part part = run->parts[i];
            size_t k = i;
            for (; k > 0 && run->parts[k - 1].class > part.class; k--)
                run->parts[k] = run->parts[k - 1];
            run->parts[k] = part;
        }
        return;
    }
    size_t place[257] = {0};
    for (size_t i = 0; i < run->count; i++)
        place[run->parts[i].class + 1]++;
    for (size_t class = 1; class < TXE_LEN(place); class ++)
        place[class] += place[class - 1];
    for (size_t i = 0; i < run->count; i++)
        run->sorted[place[run->parts[i].class]++] = run->parts[i];
    struct part *parts = run->parts;
    run->parts = run->sorted;
    run->sorted = parts;
}

static txe_status
put_starter(struct form *form, struct txe_error *err)
{
    if (!form->has_starter)
        return TXE_OK;
    form->has_starter = false;
    return txe_rewrite_put(&form->rewrite, form->starter.c, form->starter.change, err);
}

/* Joins what can be joined and writes the rest; the last starter is kept waiting when
 * nothing separates it from the text to come. */
static txe_status
compose_run(struct form *form, struct txe_error *err)
{
    struct run *run = &form->run;
    size_t left = 0; /* marks that stay, moved to the front of parts */
    for (size_t i = 0; i < run->count; i++) {
        struct part part = run->parts[i];
        bool blocked = left != 0 && run->parts[left - 1].class >= part.class;
        uint32_t joined =
            form->has_starter && !blocked ? txe_compose(form->starter.c, part.c) : 0;
        if (joined != 0) {
            form->starter.c = joined;
            form->starter.change += part.change - 1;
        } else if (part.class == 0) {
            /* Only the first of a run is a starter: no marks are waiting. */
            txe_status status = put_starter(form, err);
            if (status != TXE_OK)
                return status;
            form->starter = part;
            form->has_starter = true;
        } else {
            run->parts[left++] = part;
        }
    }
    run->count = left;
    if (left == 0)
        return TXE_OK;
    return put_starter(form, err);
}

/* Writes the run; afterwards it is empty. */
static txe_status
flush_run(struct form *form, struct txe_error *err)
{
    struct run *run = &form->run;
    txe_status status = TXE_OK;
    run_sort(run);
    if (form->compose)
        status = compose_run(form, err);
    for (size_t i = 0; i < run->count && status == TXE_OK; i++)
        status =
            txe_rewrite_put(&form->rewrite, run->parts[i].c, run->parts[i].change, err);
    run->count = 0;
    return status;
}

static txe_status
add_character(struct form *form, uint32_t c, bool compatibility, struct txe_error *err)
{
    uint32_t parts[TXE_MAX_DECOMPOSITION];
    size_t count = txe_decompose(c, compatibility, parts);
    for (size_t i = 0; i < count; i++) {
        uint8_t class = txe_combining_class(parts[i]);
        txe_status status = TXE_OK;
        if (class == 0)
            status = flush_run(form, err);
        if (status == TXE_OK)
            status = run_push(&form->run, (struct part){parts[i], class, i != 0}, err);
        if (status != TXE_OK)
            return status;
    }
    return TXE_OK;
}

txe_status
txe_text_form(struct txe_text *text, bool compatibility, bool compose,
              struct txe_error *err)
{
    const char *bytes = text->bytes;
    size_t nbytes = text->nbytes;
    size_t at = txe_ascii_prefix(bytes, nbytes);
    if (at == nbytes)
        return TXE_OK;

    struct form form = {.compose = compose};
    form.run.parts = form.run.inline_parts;
    form.run.capacity = TXE_LEN(form.run.inline_parts);
    txe_status status = txe_rewrite_init(&form.rewrite, text, err);
    if (status != TXE_OK)
        return status;
    for (at = 0; at < nbytes;) {
        /* ASCII stays as it is, but for the last that a mark may follow. */
        size_t plain = txe_ascii_prefix(bytes + at, nbytes - at);
        if (plain > 1) {
            status = flush_run(&form, err);
            if (status == TXE_OK)
                status = put_starter(&form, err);
            if (status == TXE_OK)
                status = txe_rewrite_copy(&form.rewrite, plain - 1, err);
            if (status != TXE_OK)
                goto done;
            at += plain - 1;
        }
        size_t length;
        uint32_t c = txe_utf8_decode(bytes + at, &length);
        status = add_character(&form, c, compatibility, err);
        if (status != TXE_OK)
            goto done;
        at += length;
    }
    status = flush_run(&form, err);
    if (status == TXE_OK)
        status = put_starter(&form, err);
    if (status == TXE_OK)
        txe_rewrite_finish(&form.rewrite, text);
done:
    run_free(&form.run);
    txe_rewrite_free(&form.rewrite);
    return status;
}
