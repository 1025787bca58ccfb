/* The number that training computes with: float.  Tests compile the same sources with
 * TXE_REAL=double, so that gradients can be held against finite differences. */
#ifndef TXE_BASE_REAL_H
#define TXE_BASE_REAL_H

#ifndef TXE_REAL
#define TXE_REAL float
#endif
typedef TXE_REAL txe_real;

#endif
