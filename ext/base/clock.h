/* Time that passes. */
#ifndef TXE_BASE_CLOCK_H
#define TXE_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some moment, never less than before. */
int64_t txe_clock_ns(void);

#endif
