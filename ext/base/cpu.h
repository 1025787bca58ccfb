/* Which instruction sets this processor and operating system offer. */
#ifndef TXE_BASE_CPU_H
#define TXE_BASE_CPU_H

#include <stdbool.h>

struct txe_cpu {
    bool avx2;   /* AVX2, FMA, F16C, BMI 1 and 2, POPCNT, SSE4.2, with the OS saving YMM
                    registers */
    bool avx512; /* F, BW, CD, DQ and VL, with the OS saving ZMM registers */
    bool aes;    /* AESENC */
    bool avx512_vbmi2; /* VPCOMPRESSB */
    bool avx512_bf16;  /* VDPBF16PS */
    bool avx512_vnni;  /* VPDPBUSD on ZMM */
    bool avx_vnni;     /* VPDPBUSD on YMM, VEX-coded */
    bool amx;          /* TDPBF16PS and TDPBUSD; may be used when allowed, see below */
};

/* Asks the processor each time; cheap.  All false where it is not an x86-64. */
struct txe_cpu txe_cpu_detect(void);

/* Asks the system to keep the registers of AMX for this process, its threads and what
 * it forks; false where it does not.  Harmless to repeat. */
bool txe_cpu_allow_amx(void);

/* Tells the processor that this thread is waiting in a loop. */
static inline void
txe_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

#endif
