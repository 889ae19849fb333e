/*
 * softmax_jacobian
 *
 * z: k
 * p[i] = exp(z[i] - Maximum(z[j], j))/Sum(exp(z[j] - Maximum(z[k], k)), j)
 * jac_z[i, l] = (Delta(i, l) - p[l])*p[i]
 * -> jac_z
 *
 * Arrays are dense and row-major.
 * work: room for k numbers.
 * Compiled with -fopenmp-simd, sums and the like take several numbers at a time.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#endif

#ifndef MAX_F64
#define MAX_F64
static inline double max_f64(double a, double b)
{
    return a > b || a != a ? a : b;
}
#pragma omp declare reduction(max_f64 : double : omp_out = max_f64(omp_out, omp_in)) \
    initializer(omp_priv = -INFINITY)
#endif

/* Loops are vectorised only if what they call becomes part of them. */
#ifndef INLINE
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif
#endif

#ifndef MULTIPLY_ADD_F64
#define MULTIPLY_ADD_F64
/* a*b + c, rounded once where the processor has an instruction for it. */
INLINE double multiply_add_f64(double a, double b, double c)
{
#ifdef FP_FAST_FMA
    return fma(a, b, c);
#else
    return a*b + c;
#endif
}
#endif

#ifndef BITS_F64
#define BITS_F64
INLINE uint64_t bits_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
#endif

#ifndef FROM_BITS_F64
#define FROM_BITS_F64
INLINE double from_bits_f64(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
#endif

#ifndef EXP_F64
#define EXP_F64
/* The exponential of x; results below the normal numbers are right, too. */
INLINE double exp_f64(double x)
{
    const double clamped = (x < (-745.8263662825011)) ? (-745.8263662825011) : x;
    const double shifted = multiply_add_f64(clamped, 1.4426950408889634, 6755399441055744.0);
    const double k = shifted - 6755399441055744.0;
    const double high = multiply_add_f64(k, -0.693147180559663, clamped);
    const double rest = k*2.8235290563031577e-13;
    const double r = high - rest;
    const double square = r*r;
    double odd = 2.5000304688282446e-08;
    odd = multiply_add_f64(odd, square, 2.7557585665695485e-06);
    odd = multiply_add_f64(odd, square, 0.00019841269507297088);
    odd = multiply_add_f64(odd, square, 0.008333333333494173);
    odd = multiply_add_f64(odd, square, 0.16666666666666413);
    double even = 2.7630264923968796e-07;
    even = multiply_add_f64(even, square, 2.480149305594835e-05);
    even = multiply_add_f64(even, square, 0.0013888888943667885);
    even = multiply_add_f64(even, square, 0.04166666666653003);
    even = multiply_add_f64(even, square, 0.5000000000000011);
    const double q = multiply_add_f64(odd, r, even);
    const double grown = multiply_add_f64(r*r, q, r);
    const double digits = 1.0 + grown;
    const int small = clamped < (-700.0786523655447);
    const uint64_t exponent = (bits_f64(shifted) << 52) + (small ? 0x400000000000000ull : 0);
    const double scaled = (from_bits_f64(bits_f64(digits) + exponent))*(small ? 5.421010862427522e-20 : 1.0);
    return (x <= 709.782712893384) ? scaled : (x*INFINITY);
}
#endif

void softmax_jacobian(ptrdiff_t k, const double *restrict z, double *restrict jac_z,
                      double *restrict work)
{
    double *restrict p = work;
    double t2 = -INFINITY;
    #pragma omp simd reduction(max_f64:t2)
    for (ptrdiff_t l = 0; l < k; ++l) {
        t2 = max_f64(t2, z[l]);
    }
    double t1 = 0.0;
    #pragma omp simd reduction(+:t1)
    for (ptrdiff_t j = 0; j < k; ++j) {
        t1 += exp_f64(z[j] - t2);
    }
    const double t3 = 1.0/t1;
    for (ptrdiff_t i = 0; i < k; ++i) {
        p[i] = t3*exp_f64(z[i] - t2);
    }
    for (ptrdiff_t m = 0; m < k; ++m) {
        for (ptrdiff_t q = 0; q < k; ++q) {
            jac_z[m*k + q] = p[m]*((m == q ? 1.0 : 0.0) - p[q]);
        }
    }
}
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
