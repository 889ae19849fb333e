/*
 * sigmoid_grad
 *
 * x: scalar
 * grad_x = logistic_pdf(x)
 * -> grad_x
 *
 * Arrays are dense and row-major.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

#ifndef LOGISTIC_PDF_F64
#define LOGISTIC_PDF_F64
/* The density of the logistic distribution: `e/(1 + e)²` for `e = e⁻|x|`, the square rounded once. */
INLINE double logistic_pdf_f64(double x)
{
    const double t = -fabs(x);
    const double clamped = (t < (-745.8263662825011)) ? (-745.8263662825011) : t;
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
    const double e = (t <= 709.782712893384) ? scaled : (t*INFINITY);
    const double square_of_more = multiply_add_f64(e, 2.0 + e, 1.0);
    return e/square_of_more;
}
#endif

void sigmoid_grad(double x, double *restrict grad_x)
{
    *grad_x = logistic_pdf_f64(x);
}
