/* Regions of a file that are compiled for an instruction set, by gcc and by clang:
 *
 *     TXE_TARGET_BEGIN("avx2,fma")
 *     ... functions ...
 *     TXE_TARGET_END
 *
 * A region, and not the whole file, so that no inline function of a header is compiled
 * for it, which the linker might then take for programs on every processor.  System
 * headers and those with inline functions come before it.  The string is what the
 * attribute `target` takes; a macro's name will do. */
#ifndef TXE_BASE_TARGET_H
#define TXE_BASE_TARGET_H

#define TXE_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define TXE_TARGET_BEGIN(names) \
    TXE_PRAGMA(                 \
        clang attribute push(__attribute__((target(names))), apply_to = function))
#define TXE_TARGET_END TXE_PRAGMA(clang attribute pop)
#else
#define TXE_TARGET_BEGIN(names)  \
    TXE_PRAGMA(GCC push_options) \
    TXE_PRAGMA(GCC target(names))
#define TXE_TARGET_END TXE_PRAGMA(GCC pop_options)
#endif

/* Of the sets that several files have. */
#define TXE_TARGET_AVX2 "avx2,fma,f16c"
#define TXE_TARGET_AVX512 TXE_TARGET_AVX2 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

#endif
