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

/* max(t, 0) - gelu(t), in segments of width
 * 1/2.625 around their middles: the row is the power of the distance from there,
 * times 2.625, the column the segment; absolute error 1.6e-8 */
static const float GELU_TABLE[6][16] = {
    {0x0.0p+0f, 0x1.12547cp-3f, 0x1.5c0e5ep-3f, 0x1.283268p-3f, 0x1.8e12a8p-4f, 0x1.bb3bf6p-5f, 0x1.a103b6p-6f, 0x1.4eb424p-7f, 0x1.ccb2d2p-9f, 0x1.10acbep-10f, 0x1.16178cp-12f, 0x1.e9447ep-15f, 0x1.738676p-17f, 0x1.e74d68p-20f, 0x1.141ad2p-22f, 0x1.0e603ep-25f},
    {0x1.86185ep-3f, 0x1.481d5ep-4f, -0x1.afd178p-10f, -0x1.59996cp-5f, -0x1.8b19b8p-5f, -0x1.29e05ep-5f, -0x1.5c13b8p-6f, -0x1.4b8942p-7f, -0x1.07312ap-8f, -0x1.606442p-10f, -0x1.90a614p-12f, -0x1.84831ep-14f, -0x1.4249f6p-16f, -0x1.ca63a6p-19f, -0x1.17e3a6p-21f, -0x1.25d2cap-24f},
    {-0x1.da4828p-5f, -0x1.99144ap-5f, -0x1.f7a5f8p-6f, -0x1.5694c4p-7f, 0x1.7e8dc4p-9f, 0x1.f77110p-8f, 0x1.c0d6fep-8f, 0x1.14ff84p-8f, 0x1.0a01f8p-9f, 0x1.9ecc12p-11f, 0x1.0c091ap-12f, 0x1.227670p-14f, 0x1.09def2p-16f, 0x1.9d22a4p-19f, 0x1.116686p-21f, 0x1.34faaep-24f},
    {-0x1.91fd66p-18f, 0x1.490030p-8f, 0x1.d582fcp-8f, 0x1.820278p-8f, 0x1.81d77ep-9f, 0x1.bd2434p-12f, -0x1.8bbf92p-11f, -0x1.c8c0acp-11f, -0x1.2ac830p-11f, -0x1.1f2506p-12f, -0x1.b3c73cp-14f, -0x1.0d6b94p-15f, -0x1.140ca0p-17f, -0x1.d99492p-20f, -0x1.566726p-22f, -0x1.aae066p-25f},
    {0x1.756edcp-10f, 0x1.fd9eeap-11f, 0x1.390b90p-14f, -0x1.44432ep-11f, -0x1.87b05ap-11f, -0x1.ec2f08p-12f, -0x1.20a45cp-13f, 0x1.81eedep-15f, 0x1.617d9cp-14f, 0x1.ecb9acp-15f, 0x1.d793a6p-16f, 0x1.5aa432p-17f, 0x1.98d04ap-19f, 0x1.8b73f2p-21f, 0x1.3de5ecp-23f, 0x1.65ffecp-26f},
    {-0x1.742f86p-15f, -0x1.41fb24p-13f, -0x1.79bd5cp-13f, -0x1.62a8bcp-14f, 0x1.bc3968p-16f, 0x1.2c7f66p-14f, 0x1.c752bap-15f, 0x1.4c51f6p-16f, -0x1.82d99cp-20f, -0x1.c8e50ap-18f, -0x1.4bb39ap-18f, -0x1.355eaap-19f, -0x1.b070e6p-21f, -0x1.de68f8p-23f, -0x1.ae3a44p-25f, -0x1.e2dcbep-27f},
};

/* the same of gelu's approximation by tanh, in segments of width
 * 1/2.625 around their middles: the row is the power of the distance from there,
 * times 2.625, the column the segment; absolute error 1.4e-8 */
static const float GELU_TANH_TABLE[6][16] = {
    {0x0.0p+0f, 0x1.1257c4p-3f, 0x1.5c3452p-3f, 0x1.289ac0p-3f, 0x1.8ef042p-4f, 0x1.bb190cp-5f, 0x1.9ba076p-6f, 0x1.3f3966p-7f, 0x1.99043ep-9f, 0x1.aa18c8p-11f, 0x1.6215ccp-13f, 0x1.cbbd6ep-16f, 0x1.c84734p-19f, 0x1.5283a4p-22f, 0x1.6f167ep-26f, 0x1.1c3fd6p-30f},
    {0x1.86185ep-3f, 0x1.483642p-4f, -0x1.926f7cp-10f, -0x1.58b8c8p-5f, -0x1.8bfe30p-5f, -0x1.2c78a0p-5f, -0x1.6052c8p-6f, -0x1.4c3088p-7f, -0x1.fabe96p-9f, -0x1.35fe5cp-10f, -0x1.2b6e86p-12f, -0x1.c002cap-15f, -0x1.fc7664p-18f, -0x1.ac6242p-21f, -0x1.0616d6p-24f, -0x1.c79b18p-29f},
    {-0x1.da4822p-5f, -0x1.98d18ep-5f, -0x1.f6fc4ap-6f, -0x1.5883a4p-7f, 0x1.6cd2fap-9f, 0x1.f45fc4p-8f, 0x1.c712a2p-8f, 0x1.1cd736p-8f, 0x1.0fa6dcp-9f, 0x1.92ee02p-11f, 0x1.ceb154p-13f, 0x1.959440p-15f, 0x1.0a80bap-17f, 0x1.01597ep-20f, 0x1.659ddap-24f, 0x1.5d6da6p-28f},
    {-0x1.9af276p-18f, 0x1.49fe20p-8f, 0x1.d4783ep-8f, 0x1.7f4998p-8f, 0x1.81ee62p-9f, 0x1.f20fbep-12f, -0x1.7a8450p-11f, -0x1.d0779ep-11f, -0x1.39fa46p-11f, -0x1.2c5e66p-12f, -0x1.a9bea8p-14f, -0x1.c08d6ap-16f, -0x1.5bb0c8p-18f, -0x1.866d58p-21f, -0x1.37d648p-24f, -0x1.72005ep-28f},
    {0x1.776452p-10f, 0x1.fca626p-11f, 0x1.0be024p-14f, -0x1.435344p-11f, -0x1.7f6c2cp-11f, -0x1.e720a8p-12f, -0x1.38450ep-13f, 0x1.363030p-15f, 0x1.67cf7cp-14f, 0x1.0ae890p-14f, 0x1.fba348p-16f, 0x1.527c68p-17f, 0x1.41d1d4p-19f, 0x1.b2bc68p-22f, 0x1.9c824cp-25f, 0x1.573a24p-29f},
    {-0x1.7c943ep-15f, -0x1.47ca1ep-13f, -0x1.795e92p-13f, -0x1.51d0f6p-14f, 0x1.c383d4p-16f, 0x1.1c0880p-14f, 0x1.ba1982p-15f, 0x1.6da868p-16f, 0x1.9ce0eep-23f, -0x1.d4cd88p-18f, -0x1.786084p-18f, -0x1.573f2ep-19f, -0x1.9d2a90p-21f, -0x1.53114ap-23f, -0x1.7cc1d8p-26f, -0x1.01dc14p-28f},
};

#endif
