/* The vector type of the training kernels over double: one number, elementary functions
 * of the C library.  Meanings as in vec_scalar.h and elementary_impl.h. */
#ifndef TXE_TESTS_VEC_DOUBLE_H
#define TXE_TESTS_VEC_DOUBLE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef double vf;
typedef bool vm;

#define VW 1
#define ACCS 1

static inline vf
v_set(double x)
{
    return x;
}

static inline vf
v_load(const double *p)
{
    return *p;
}

static inline void
v_store(double *p, vf v)
{
    *p = v;
}

/* Parts of a vector: never called for a width of 1. */
static inline vf
v_load_n(const double *p, size_t n)
{
    return n != 0 ? *p : 0;
}

static inline void
v_store_n(double *p, size_t n, vf v)
{
    if (n != 0)
        *p = v;
}

static inline vf
v_keep_n(vf v, size_t n, vf other)
{
    return n != 0 ? v : other;
}

static inline vf
v_add(vf a, vf b)
{
    return a + b;
}

static inline vf
v_sub(vf a, vf b)
{
    return a - b;
}

static inline vf
v_mul(vf a, vf b)
{
    return a * b;
}

static inline vf
v_div(vf a, vf b)
{
    return a / b;
}

static inline vf
v_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

static inline vf
v_sqrt(vf a)
{
    return sqrt(a);
}

static inline vf
v_abs(vf a)
{
    return fabs(a);
}

static inline vm
v_greater(vf a, vf b)
{
    return a > b;
}

static inline vf
v_select(vm mask, vf yes, vf no)
{
    return mask ? yes : no;
}

static inline vf
v_max(vf a, vf b)
{
    return a > b ? a : b;
}

static inline vf
v_min(vf a, vf b)
{
    return a < b ? a : b;
}

static inline double
v_sum(vf a)
{
    return a;
}

static inline double
v_largest(vf a)
{
    return a;
}

static inline vf
v_load_u16(const uint16_t *p)
{
    return *p;
}

static inline vf
v_exp(vf x)
{
    return exp(x);
}

static inline vf
v_exp_abs(vf x)
{
    return exp(-fabs(x));
}

static inline vf
v_expm1(vf x)
{
    return expm1(x);
}

static inline vf
v_sigmoid(vf x)
{
    return 1 / (1 + exp(-x));
}

static inline vf
v_sigmoid_parts(vf x, vf *rest)
{
    *rest = v_sigmoid(-x);
    return v_sigmoid(x);
}

static inline vf
v_tanh(vf x)
{
    return tanh(x);
}

static inline vf
v_softplus(vf x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static inline vf
v_normal(vf x, vf *bell)
{
    *bell = exp(-0.5 * x * x);
    return 0.5 * erfc(-x * 0.70710678118654752);
}

#endif
