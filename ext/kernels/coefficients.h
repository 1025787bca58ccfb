/* Written by fit.py; do not edit.  Lowest coefficient first; the error stated is
 * relative, of the whole formula, before rounding in its evaluation. */
/* clang-format off */
#ifndef TXE_KERNELS_COEFFICIENTS_H
#define TXE_KERNELS_COEFFICIENTS_H

/* exp(x) = 1 + x + x^2 P(x), |x| <= log(2)/2; error 4.2e-9 */
static const float EXP_POLY[] = {
    0x1.fffffcp-2f,
    0x1.555490p-3f,
    0x1.5558eep-5f,
    0x1.123ac6p-7f,
    0x1.6a2becp-10f,
};

/* tanh(x) = x + x^3 P(x^2), |x| <= 0.625; error 8.6e-9 */
static const float TANH_POLY[] = {
    -0x1.555532p-2f,
    0x1.110726p-3f,
    -0x1.b83c5ap-5f,
    0x1.5226a0p-6f,
    -0x1.75e1e8p-8f,
};

/* atanh(x) = x + x^3 P(x^2), |x| <= 1/3; error 5.2e-10 */
static const float ATANH_POLY[] = {
    0x1.555558p-2f,
    0x1.9996aep-3f,
    0x1.250900p-3f,
    0x1.b6df54p-4f,
    0x1.f191e4p-4f,
};

/* Q(t) = exp(-t^2/2) / (t + 4) P((t - 4) / (t + 4)), 0 <= t <= 15; error 3.3e-8 */
static const float NORMAL_POLY[] = {
    0x1.82b4bcp-1f,
    -0x1.373e38p-1f,
    0x1.8c6d9ep-2f,
    -0x1.7e001ep-3f,
    0x1.eed34cp-5f,
    -0x1.ed17d4p-8f,
    -0x1.cc171cp-9f,
    0x1.9b2606p-10f,
    0x1.6e48dcp-13f,
    -0x1.196e30p-13f,
};

#endif
