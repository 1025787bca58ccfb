/* CPU features: see cpu.h.  The compiler's builtin also checks XCR0, that is, that the
 * operating system saves the wide registers. */
#define _GNU_SOURCE /* syscall */
#include "base/cpu.h"

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define TXE_X86 1
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

struct txe_cpu
txe_cpu_detect(void)
{
    struct txe_cpu cpu = {0};
#ifdef TXE_X86
    __builtin_cpu_init();
    unsigned a, b, c, d;
    bool known = __get_cpuid(1, &a, &b, &c, &d);
    bool f16c = known && (c & bit_F16C) != 0;
    cpu.aes = known && (c & bit_AES) != 0;
    cpu.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               f16c && __builtin_cpu_supports("bmi") &&
               __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
               __builtin_cpu_supports("sse4.2");
    cpu.avx512 =
        cpu.avx2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    cpu.avx512_vbmi2 = cpu.avx512 && __builtin_cpu_supports("avx512vbmi2");
    cpu.avx512_vnni = cpu.avx512 && __builtin_cpu_supports("avx512vnni");
    /* Leaf 7, subleaf 1, EAX: bit 4 AVX-VNNI, bit 5 AVX512-BF16. */
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        cpu.avx_vnni = cpu.avx2 && (a & (1u << 4)) != 0;
        cpu.avx512_bf16 = cpu.avx512 && (a & (1u << 5)) != 0;
    }
    /* Leaf 7, EDX: bit 22 AMX-BF16, bit 24 AMX-TILE, bit 25 AMX-INT8. */
    const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        cpu.amx = cpu.avx512 && (d & amx) == amx;
#endif
    return cpu;
}

bool
txe_cpu_allow_amx(void)
{
#if defined(__x86_64__) && defined(__linux__)
    enum { request_permission = 0x1023, tile_data = 18 }; /* of arch_prctl; of XCR0 */
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}
