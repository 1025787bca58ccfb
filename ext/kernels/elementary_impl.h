/* Elementary functions, written once over the vector type of vec_<isa>.h, included as
 * for ops_impl.h.  Everything here is static.
 *
 * Relative error a few units in the last place over the whole range, unless stated.
 * Polynomials: fit.py. */

/* y x^4 + c[3] x^3 + c[2] x^2 + c[1] x + c[0] */
static inline vf
horner4(vf y, vf x, const float *c)
{
    y = v_fma(y, x, v_set(c[3]));
    y = v_fma(y, x, v_set(c[2]));
    y = v_fma(y, x, v_set(c[1]));
    return v_fma(y, x, v_set(c[0]));
}

/* The polynomial of the five coefficients c. */
static inline vf
polynomial5(vf x, const float *c)
{
    return horner4(v_set(c[4]), x, c);
}

/* For x <= 0, with n the integer nearest to x / log 2 (or -152, where exp(x) is 0):
 * exp(x) = 2^n (1 + q), n left in *power and q returned. */
static inline vf
exp_parts(vf x, vf *power)
{
    /* log(2) in two parts, the first of so few bits that n times it is exact. */
    const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    x = v_max(v_set(-105.0f), x); /* NaN passes */
    vf n = v_round(v_mul(x, v_set(1.44269504f)));
    vf r = v_fma(n, v_set(-ln2_high), x);
    r = v_fma(n, v_set(-ln2_low), r);
    *power = n;
    return v_fma(v_mul(r, r), polynomial5(r, EXP_POLY), r);
}

/* exp(x) for x <= 0: all that is needed, and it cannot overflow. */
static inline vf
v_exp(vf x)
{
    vf n;
    vf q = exp_parts(x, &n);
    return v_scale2(v_add(q, v_set(1.0f)), n);
}

/* exp(-|x|) */
static inline vf
v_exp_abs(vf x)
{
    return v_exp(v_mul(v_abs(x), v_set(-1.0f)));
}

/* exp(x) - 1 = 2^n q + (2^n - 1) for x <= 0. */
static inline vf
v_expm1(vf x)
{
    vf n;
    vf q = exp_parts(x, &n);
    vf power = v_scale2(v_set(1.0f), n);
    return v_fma(power, q, v_sub(power, v_set(1.0f)));
}

/* 1 / (1 + exp(-x)) = exp(x) / (exp(x) + 1) */
static inline vf
v_sigmoid(vf x)
{
    vf e = v_exp_abs(x);
    vf top = v_select(v_greater(x, v_set(0.0f)), v_set(1.0f), e);
    return v_div(top, v_add(e, v_set(1.0f)));
}

/* The same, and 1 - s(x) = s(-x) with all its digits in *rest. */
static inline vf
v_sigmoid_parts(vf x, vf *rest)
{
    vf e = v_exp_abs(x);
    vf large = v_div(v_set(1.0f), v_add(e, v_set(1.0f)));
    vf small = v_mul(e, large);
    vm positive = v_greater(x, v_set(0.0f));
    *rest = v_select(positive, small, large);
    return v_select(positive, large, small);
}

static inline vf
v_tanh(vf x)
{
    vf s = v_mul(x, x);
    vf small = v_fma(v_mul(x, s), polynomial5(s, TANH_POLY), x);
    vf e = v_exp(v_mul(v_abs(x), v_set(-2.0f)));
    vf large = v_div(v_sub(v_set(1.0f), e), v_add(e, v_set(1.0f)));
    large = v_select(v_greater(x, v_set(0.0f)), large, v_mul(large, v_set(-1.0f)));
    return v_select(v_greater(v_set(0.625f), v_abs(x)), small, large);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|), where
 * log(1 + e) = 2 atanh(e / (2 + e)). */
static inline vf
v_softplus(vf x)
{
    vf e = v_exp_abs(x);
    vf a = v_div(e, v_add(e, v_set(2.0f)));
    vf s = v_mul(a, a);
    vf half_log = v_fma(v_mul(a, s), polynomial5(s, ATANH_POLY), a);
    return v_fma(half_log, v_set(2.0f), v_max(v_set(0.0f), x));
}

/* The normal distribution function (1 + erf(x / sqrt 2)) / 2, and exp(-x^2 / 2) in
 * *bell.  The upper tail Q(t) is the latter times a slowly varying function (the form
 * of M. Shepherd and J. Laframboise, Math. Comp. 36, 1981), which leaves it a relative
 * error of about t^2/2 roundings. */
static inline vf
v_normal(vf x, vf *bell)
{
    vf t = v_min(v_set(15.0f), v_abs(x)); /* Q(15) < 2^-150 */
    vf u = v_div(v_set(1.0f), v_add(t, v_set(4.0f)));
    vf w = v_mul(v_sub(t, v_set(4.0f)), u);
    vf e = v_exp(v_mul(v_mul(t, v_set(-0.5f)), t));
    vf slow = v_fma(v_set(NORMAL_POLY[9]), w, v_set(NORMAL_POLY[8]));
    slow = horner4(horner4(slow, w, NORMAL_POLY + 4), w, NORMAL_POLY);
    vf tail = v_mul(v_mul(e, u), slow);
    *bell = e;
    return v_select(v_greater(x, v_set(0.0f)), v_sub(v_set(1.0f), tail), tail);
}
