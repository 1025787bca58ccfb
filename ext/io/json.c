/* Reading JSON: see json.h. */
#include "io/json.h"

#include <string.h>

static txe_status
fail_at(const struct txe_json *json, struct txe_error *err, const char *problem)
{
    if (json->at >= json->nbytes)
        return txe_fail(err, TXE_EVALUE, "%s: JSON text ends early: %s at byte %zu",
                        json->what, problem, json->nbytes);
    return txe_fail(err, TXE_EVALUE, "%s: %s at byte %zu of the JSON text", json->what,
                    problem, json->at);
}

/* The next byte, or -1 (no byte of a JSON text is negative) at the end. */
static int
peek(const struct txe_json *json)
{
    return json->at < json->nbytes ? json->text[json->at] : -1;
}

static int
peek_token(struct txe_json *json)
{
    int c = peek(json);
    while (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        json->at++;
        c = peek(json);
    }
    return c;
}

void
txe_json_start(struct txe_json *json, const void *text, size_t nbytes, const char *what)
{
    *json = (struct txe_json){.text = text, .nbytes = nbytes, .what = what};
}

txe_status
txe_json_open(struct txe_json *json, char bracket, struct txe_error *err)
{
    if (peek_token(json) != bracket)
        return fail_at(json, err,
                       bracket == '{' ? "expected an object" : "expected an array");
    json->at++;
    json->first = true;
    return TXE_OK;
}

txe_status
txe_json_next(struct txe_json *json, char close, bool *more, struct txe_error *err)
{
    int c = peek_token(json);
    if (c == close) {
        json->at++;
        json->first = false;
        *more = false;
        return TXE_OK;
    }
    if (!json->first) {
        if (c != ',')
            return fail_at(json, err,
                           close == '}' ? "expected ',' or '}'"
                                        : "expected ',' or ']'");
        json->at++;
    }
    json->first = false;
    *more = true;
    return TXE_OK;
}

char
txe_json_peek(struct txe_json *json)
{
    int c = peek_token(json);
    return c < 0 ? '\0' : (char)c;
}

/* Length of the well-formed UTF-8 sequence at p[0..n), 0 when there is none (overlong
 * forms, surrogates and anything above U+10FFFF are not well formed). */
static size_t
utf8_sequence(const unsigned char *p, size_t n)
{
    size_t length;
    unsigned low = 0x80, high = 0xBF; /* range of the second byte */
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        length = 2;
    } else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        length = 3;
        low = p[0] == 0xE0 ? 0xA0 : low;
        high = p[0] == 0xED ? 0x9F : high;
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        length = 4;
        low = p[0] == 0xF0 ? 0x90 : low;
        high = p[0] == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (n < length || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

static size_t
utf8_encode(unsigned code, unsigned char *out)
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (unsigned char)(0xC0 | code >> 6);
        out[1] = (unsigned char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (unsigned char)(0xE0 | code >> 12);
        out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (unsigned char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (unsigned char)(0xF0 | code >> 18);
    out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (unsigned char)(0x80 | (code & 0x3F));
    return 4;
}

/* Reads the four digits after a \u. */
static bool
hex4(struct txe_json *json, unsigned *out)
{
    unsigned code = 0;
    if (json->nbytes - json->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned char c = json->text[json->at + (size_t)i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = c - (unsigned)'0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20u) - (unsigned)'a' + 10;
        else
            return false;
        code = code << 4 | digit;
    }
    json->at += 4;
    *out = code;
    return true;
}

/* Reads an escape, the reader being behind its backslash. */
static txe_status
read_escape(struct txe_json *json, unsigned *out, struct txe_error *err)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int c = peek(json);
    const char *found = c > 0 ? strchr(letters, c) : NULL;
    if (found != NULL) {
        *out = (unsigned char)meanings[found - letters];
        json->at++;
        return TXE_OK;
    }
    if (c != 'u')
        return fail_at(json, err, "unknown escape");
    json->at++;
    unsigned code, low;
    if (!hex4(json, &code))
        return fail_at(json, err, "\\u needs four hexadecimal digits");
    if (code >= 0xD800 && code <= 0xDFFF) {
        if (code >= 0xDC00 || json->nbytes - json->at < 6 ||
            memcmp(json->text + json->at, "\\u", 2) != 0)
            return fail_at(json, err, "half of a surrogate pair");
        json->at += 2;
        if (!hex4(json, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail_at(json, err, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
    }
    *out = code;
    return TXE_OK;
}

/* Bytes of the run of ASCII characters at the reader that stand for themselves. */
static size_t
plain_run(const struct txe_json *json)
{
    const unsigned char *from = json->text + json->at;
    size_t room = json->nbytes - json->at, n = 0;
    while (n < room && from[n] >= 0x20 && from[n] < 0x80 && from[n] != '"' &&
           from[n] != '\\')
        n++;
    return n;
}

txe_status
txe_json_string(struct txe_json *json, char *out, size_t *nbytes, struct txe_error *err)
{
    if (peek_token(json) != '"')
        return fail_at(json, err, "expected a string");
    json->at++;
    size_t written = 0;
    for (;;) {
        size_t run = plain_run(json);
        if (out != NULL && run != 0)
            memcpy(out + written, json->text + json->at, run);
        written += run;
        json->at += run;
        int c = peek(json);
        if (c < 0)
            return fail_at(json, err, "expected '\"'");
        if (c < 0x20)
            return fail_at(json, err, "control character in a string");
        const unsigned char *from = json->text + json->at;
        unsigned char encoded[4];
        size_t length;
        if (c == '"') {
            json->at++;
            break;
        }
        if (c == '\\') {
            unsigned code = 0;
            json->at++;
            TXE_TRY(read_escape(json, &code, err));
            length = utf8_encode(code, encoded);
            from = encoded;
        } else {
            length = utf8_sequence(from, json->nbytes - json->at);
            if (length == 0)
                return fail_at(json, err, "invalid UTF-8");
            json->at += length;
        }
        if (out != NULL)
            memcpy(out + written, from, length);
        written += length;
    }
    if (nbytes != NULL)
        *nbytes = written;
    return TXE_OK;
}

txe_status
txe_json_key(struct txe_json *json, char *out, size_t *nbytes, struct txe_error *err)
{
    TXE_TRY(txe_json_string(json, out, nbytes, err));
    if (peek_token(json) != ':')
        return fail_at(json, err, "expected ':'");
    json->at++;
    return TXE_OK;
}

static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}

txe_status
txe_json_u64(struct txe_json *json, uint64_t *out, struct txe_error *err)
{
    uint64_t value = 0;
    if (!is_digit(peek_token(json)))
        return fail_at(json, err, "expected a non-negative integer");
    bool leading_zero = peek(json) == '0';
    size_t start = json->at;
    for (int c = peek(json); is_digit(c); c = peek(json)) {
        unsigned digit = (unsigned)(c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return fail_at(json, err, "integer of more than 64 bits");
        value = value * 10 + digit;
        json->at++;
    }
    if (leading_zero && json->at - start > 1)
        return fail_at(json, err, "number with a leading zero");
    int c = peek(json);
    if (c == '.' || c == 'e' || c == 'E')
        return fail_at(json, err, "expected a non-negative integer");
    *out = value;
    return TXE_OK;
}

static txe_status
skip_digits(struct txe_json *json, struct txe_error *err)
{
    if (!is_digit(peek(json)))
        return fail_at(json, err, "expected a digit");
    while (is_digit(peek(json)))
        json->at++;
    return TXE_OK;
}

static txe_status
skip_number(struct txe_json *json, struct txe_error *err)
{
    if (peek(json) == '-')
        json->at++;
    if (peek(json) == '0')
        json->at++;
    else
        TXE_TRY(skip_digits(json, err));
    if (is_digit(peek(json)))
        return fail_at(json, err, "number with a leading zero");
    if (peek(json) == '.') {
        json->at++;
        TXE_TRY(skip_digits(json, err));
    }
    if (peek(json) == 'e' || peek(json) == 'E') {
        json->at++;
        if (peek(json) == '+' || peek(json) == '-')
            json->at++;
        TXE_TRY(skip_digits(json, err));
    }
    return TXE_OK;
}

static txe_status
skip_scalar(struct txe_json *json, struct txe_error *err)
{
    static const char *const words[] = {"true", "false", "null"};
    int c = peek_token(json);
    if (c == '"')
        return txe_json_string(json, NULL, NULL, err);
    if (c == '-' || is_digit(c))
        return skip_number(json, err);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (json->nbytes - json->at >= length &&
            memcmp(json->text + json->at, words[i], length) == 0) {
            json->at += length;
            return TXE_OK;
        }
    }
    return fail_at(json, err, "expected a value");
}

txe_status
txe_json_skip(struct txe_json *json, struct txe_error *err)
{
    char closers[TXE_JSON_MAX_DEPTH];
    size_t depth = 0;
    do {
        int c = peek_token(json);
        if (c == '{' || c == '[') {
            if (depth == TXE_JSON_MAX_DEPTH)
                return fail_at(json, err, "nested too deeply");
            TXE_TRY(txe_json_open(json, (char)c, err));
            closers[depth++] = c == '{' ? '}' : ']';
        } else {
            TXE_TRY(skip_scalar(json, err));
        }
        /* Close everything that ends here; stop before the next value. */
        bool more = false;
        while (depth > 0 && !more) {
            TXE_TRY(txe_json_next(json, closers[depth - 1], &more, err));
            if (!more)
                depth--;
            else if (closers[depth - 1] == '}')
                TXE_TRY(txe_json_key(json, NULL, NULL, err));
        }
    } while (depth > 0);
    return TXE_OK;
}

txe_status
txe_json_end(struct txe_json *json, struct txe_error *err)
{
    if (peek_token(json) >= 0)
        return fail_at(json, err, "expected the end");
    return TXE_OK;
}
